// The page of the Express example, in a real Chromium.

import { createHash } from 'node:crypto'
import { existsSync } from 'node:fs'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Browser, chromium } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { ServerProcess } from '../../examples/demo/server-process.ts'
import { checkout, cleanUpAfterEach, ownDirectory } from './programs.ts'

cleanUpAfterEach()

const executablePath = ['/usr/bin/chromium', '/usr/bin/chromium-browser'].find((path) => existsSync(path))
const media = (name: string) => join(checkout, 'test/fixtures/media', name)

describe.skipIf(executablePath === undefined)(
  `the page${executablePath === undefined ? ' (skipped: Chromium is not installed)' : ''}`,
  () => {
    let browser: Browser
    let scratch: string

    beforeAll(async () => {
      scratch = await mkdtemp(join(tmpdir(), 'tfm-test-'))
      browser = await chromium.launch({
        ...(executablePath === undefined ? {} : { executablePath }),
        env: { ...process.env, PULSE_RUNTIME_PATH: scratch }, // else its sound library leaves a directory behind
        args: [
          ...['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-dev-shm-usage'],
          ...['--disable-background-networking', '--disable-component-update', '--disable-sync'],
        ],
      })
    })

    afterAll(async () => {
      await browser?.close()
      await rm(scratch, { recursive: true, force: true })
    })

    test('a chosen clip is seen through to 100 %, and what is downloaded has the digest that is shown', async () => {
      const server = await ServerProcess.start('express', { TEMP_FILE_MANAGER_DIR: await ownDirectory() })
      try {
        const page = await browser.newPage({ viewport: { width: 1280, height: 860 } })
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
        await page.locator('.tree .handoff').waitFor({ state: 'detached' })
        expect(complaints).toEqual([])
        await page.close()
      } finally {
        await ServerProcess.endAll()
      }
    })

    test('a dropped file in disguise is refused in words', async () => {
      const server = await ServerProcess.start('express', { TEMP_FILE_MANAGER_DIR: await ownDirectory() })
      try {
        const page = await browser.newPage({ viewport: { width: 1280, height: 860 } })
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
        await page.close()
      } finally {
        await ServerProcess.endAll()
      }
    })
  },
)

/** For looking at: EXAMPLES_SCREENSHOTS names a directory. */
async function shoot(page: Awaited<ReturnType<Browser['newPage']>>, name: string): Promise<void> {
  const directory = process.env['EXAMPLES_SCREENSHOTS']
  if (directory !== undefined) await page.screenshot({ path: join(directory, `${name}.png`) })
}
