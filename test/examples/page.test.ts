// The page of the Express example, in a real Chromium.

import { createHash } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import type { Page } from 'playwright-core'
import { expect, test, vi } from 'vitest'
import { ServerProcess } from '../../examples/demo/server-process.ts'
import { describeInChromium } from './chromium.ts'
import { checkout, cleanUpAfterEach, ownDirectory } from './programs.ts'

cleanUpAfterEach()

const media = (name: string) => join(checkout, 'test/fixtures/media', name)

describeInChromium('the page', (browser) => {
  test('a chosen clip is seen through to 100 %, and what is downloaded has the digest that is shown', async () => {
    const server = await ServerProcess.start('express', { TEMP_FILE_MANAGER_DIR: await ownDirectory() })
    try {
      const page = await browser().newPage({ viewport: { width: 1280, height: 860 } })
      const complaints: string[] = []
      page.on('pageerror', (error) => complaints.push(String(error)))
      await page.goto(server.url)
      await page.locator('#link.up').waitFor()
      await shoot(page, 'empty')

      await page.locator('#file').setInputFiles(media('clip.mkv'))
      await page.locator('#bar[aria-valuenow="100"]').waitFor()
      await page.locator('#job.done').waitFor()
      await page.locator('.tree .handoff').waitFor()
      await shoot(page, 'done')

      const downloading = page.waitForEvent('download')
      await page.locator('#download').click()
      const bytes = await readFile(await (await downloading).path())
      const shown = await page.locator('#result-hash').textContent()
      expect(createHash('sha256').update(bytes).digest('hex')).toBe(shown)

      await page.locator('#publish').click()
      await page.getByText('digest equal').waitFor()
      await page.locator('#discard').click()
      await page.locator('#job').waitFor({ state: 'hidden' })
      expect(await page.evaluate('document.activeElement.id')).toBe('file') // the focus is not lost
      await page.locator('.tree .handoff').waitFor({ state: 'detached' })
      expect(complaints).toEqual([])
      await page.close()
    } finally {
      await ServerProcess.endAll()
    }
  })

  test('the lines of a publication are read whole, and after a lost connection it can be started again', async () => {
    const server = await ServerProcess.start('express', { TEMP_FILE_MANAGER_DIR: await ownDirectory() })
    try {
      const page = await browser().newPage()
      const complaints: string[] = []
      page.on('pageerror', (error) => complaints.push(String(error)))
      await page.goto(server.url)
      await page.evaluate(`{
        const real = fetch
        window.answers = [['{"sent":10,"tot', 'al":20}\\n{"sha', '256":"ab"}\\n']]
        window.fetch = async (url, options) => {
          if (url !== 'publish') return real(url, options)
          const chunks = answers.shift()
          if (chunks === undefined) throw new TypeError('Failed to fetch')
          return new Response(
            new ReadableStream({
              start(body) {
                for (const chunk of chunks) body.enqueue(new TextEncoder().encode(chunk))
                body.close()
              },
            }),
          )
        }
        document.querySelector('#publish').click()
      }`)
      await page.getByText('digest equal').waitFor({ state: 'attached' })
      await page.evaluate(`{
        document.querySelector('#publish').disabled = false
        document.querySelector('#publish').click()
      }`)
      await page.getByText('The connection to the server was lost.').waitFor({ state: 'attached' })
      expect(await page.locator('#publish').isEnabled()).toBe(true)
      expect(complaints).toEqual([])
      await page.close()
    } finally {
      await ServerProcess.endAll()
    }
  })

  test('a dropped file in disguise is refused in words', async () => {
    const server = await ServerProcess.start('express', { TEMP_FILE_MANAGER_DIR: await ownDirectory() })
    try {
      const page = await browser().newPage({ viewport: { width: 1280, height: 860 } })
      await page.goto(server.url)
      const data = await page.evaluateHandle(() => {
        // @ts-expect-error runs in the page, whose types are not this project's
        const transfer = new DataTransfer()
        transfer.items.add(new File(['<!doctype html><p>not a film at all</p>'.repeat(50)], 'film.mp4'))
        return transfer
      })
      await page.dispatchEvent('#drop', 'drop', { dataTransfer: data })
      await page.locator('#problem').waitFor()
      await shoot(page, 'refused')
      expect(await page.locator('#problem').textContent()).toContain('signature')
      expect(await page.locator('#bar').isVisible()).toBe(false)
      expect(await page.locator('#cancel').isVisible()).toBe(false)
      await page.locator('#dismiss').click()
      await page.locator('#job').waitFor({ state: 'hidden' })
      await page.close()
    } finally {
      await ServerProcess.endAll()
    }
  })

  /** Opens the page of a server of its own. */
  async function withPage(
    use: (page: Page, server: ServerProcess) => Promise<void>,
    env: NodeJS.ProcessEnv = {},
  ): Promise<void> {
    const server = await ServerProcess.start('express', {
      TEMP_FILE_MANAGER_DIR: await ownDirectory(),
      ...env,
    })
    const page = await browser().newPage({ viewport: { width: 1280, height: 860 } })
    try {
      await page.goto(server.url)
      await page.locator('#link.up').waitFor()
      await use(page, server)
    } finally {
      await page.close()
      await ServerProcess.endAll()
    }
  }

  test('a clip over the limit of the settings is refused before it is sent', async () => {
    await withPage(
      async (page) => {
        const requests: string[] = []
        page.on('request', (request) => requests.push(request.method()))
        await page.getByText('up to 10 KB').waitFor()
        await page.locator('#file').setInputFiles(media('clip.mkv'))
        await page.locator('#problem').waitFor()
        await shoot(page, 'too-large')
        expect(await page.locator('#problem').textContent()).toContain('At most 10 KB')
        expect(requests).not.toContain('POST')
      },
      { CLIP_MAX_BYTES: '10kb' },
    )
  })

  test('Cancel ends an upload, and the server keeps nothing of it', async () => {
    await withPage(async (page, server) => {
      const before = (await server.stats()).root.files
      const session = await page.context().newCDPSession(page)
      const slow = { offline: false, latency: 0, downloadThroughput: -1, uploadThroughput: 20_000 }
      await session.send('Network.emulateNetworkConditions', slow)
      await page.locator('#file').setInputFiles(media('clip.mkv'))
      await page.locator('#cancel').click()
      await page.locator('#job').waitFor({ state: 'hidden' })
      expect(await page.evaluate('document.activeElement.id')).toBe('file')
      await vi.waitFor(async () => expect((await server.stats()).root.files).toBe(before), 10_000)
    })
  })

  test('Cancel discards a job that a worker has, or will have', async () => {
    await withPage(
      async (page, server) => {
        await page.locator('#file').setInputFiles(media('clip.mkv'))
        await page.waitForURL(/#job=/)
        await page.locator('#cancel').click()
        await page.locator('#job').waitFor({ state: 'hidden' })
        expect((await server.stats()).jobs).toEqual({ queued: 0, working: 0, done: 0, failed: 0 })
      },
      { CLIP_WORK: 'off' },
    )
  })

  test('a reload finds the job again', async () => {
    await withPage(async (page) => {
      await page.locator('#file').setInputFiles(media('clip.mkv'))
      await page.locator('#job.done').waitFor()
      await page.reload()
      await page.locator('#job.done').waitFor()
      expect(await page.locator('#job-name').textContent()).toBe('clip.mkv')
      await page.locator('#discard').click()
      await page.locator('#job').waitFor({ state: 'hidden' })
      expect(new URL(page.url()).hash).toBe('')
    })
  })

  test('only the stage, the problem and the note are announced, and counts are in the right number', async () => {
    await withPage(async (page) => {
      await page.locator('#file').setInputFiles(media('clip.mkv'))
      await page.locator('#job.done').waitFor()
      expect(await page.locator('#stage').textContent()).toBe('The result is ready.')
      const live = '[aria-live], [role=alert], [role=status], output'
      const announced = await page
        .locator(live)
        .evaluateAll((elements) => elements.map((element) => element.id))
      expect(announced).toEqual(['stage', 'problem', 'note'])
      await page.getByText('job done', { exact: true }).waitFor()
    })
  })

  test.each(['light', 'dark'] as const)(
    'axe finds no violation in %s mode: empty, done, refused',
    async (mode) => {
      await withPage(async (page) => {
        await page.emulateMedia({ colorScheme: mode, reducedMotion: 'reduce' })
        expect(await violations(page)).toEqual([])
        await page.locator('#file').setInputFiles(media('clip.mkv'))
        await page.locator('#job.done').waitFor()
        await page.locator('.tree .handoff').waitFor()
        await shoot(page, `done-${mode}`)
        expect(await violations(page)).toEqual([])
        await page
          .locator('#file')
          .setInputFiles({ name: 'film.mp4', mimeType: 'video/mp4', buffer: Buffer.alloc(5_000) })
        await page.locator('#problem').waitFor()
        await shoot(page, `refused-${mode}`)
        expect(await violations(page)).toEqual([])
      })
    },
  )
})

/** The findings of axe-core, as rule and element. */
async function violations(page: Page): Promise<string[]> {
  await page.addScriptTag({ path: createRequire(import.meta.url).resolve('axe-core/axe.min.js') })
  return page.evaluate(`axe.run().then(({ violations }) => violations.flatMap((each) =>
    each.nodes.map((node) => each.id + ': ' + node.html + ' ' + (node.any[0]?.message ?? ''))))`)
}

/** For looking at: EXAMPLES_SCREENSHOTS names a directory. */
async function shoot(page: Page, name: string): Promise<void> {
  const directory = process.env['EXAMPLES_SCREENSHOTS']
  if (directory !== undefined) await page.screenshot({ path: join(directory, `${name}.png`) })
}
