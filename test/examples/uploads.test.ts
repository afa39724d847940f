// The pages of the uploads example in a real Chromium: Uppy with tus-js-client, and FilePond. A line between the browser and
// the server passes as many bytes as the test allows, so an interruption is at a byte and not at a time.

import { type ChildProcess, spawn } from 'node:child_process'
import { createHash, randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net'
import { join } from 'node:path'
import type { BrowserContext, Page } from 'playwright-core'
import { expect, onTestFinished, test } from 'vitest'
import { TempFileManager } from '../../src/index.ts'
import { describeInChromium } from './chromium.ts'
import { checkout, cleanUpAfterEach, ownDirectory } from './programs.ts'

cleanUpAfterEach()

const MB = 1024 * 1024
const SOON = { timeout: 15_000 }
/** The request that every connection may send: a page loads also while an upload is held up. */
const SMALL = 64 * 1024

/** The network between the browser and the server. */
class Line {
  readonly #server: Server
  readonly #sockets = new Set<Socket>()
  #target = 0
  #passed = 0
  #allowed = Number.POSITIVE_INFINITY
  #onReached = (): void => {}

  private constructor() {
    this.#server = createServer((browser) => this.#join(browser))
  }

  static async open(): Promise<Line> {
    const line = new Line()
    line.#server.listen(0, '127.0.0.1')
    await once(line.#server, 'listening')
    onTestFinished(() => {
      line.cut()
      line.#server.close()
    })
    return line
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}` // it listens on a port
  }

  leadTo(port: number): void {
    this.#target = port
  }

  /** Passes `bytes` more towards the server; resolves when they have passed. */
  allow(bytes: number): Promise<void> {
    this.#allowed = this.#passed + bytes
    for (const socket of this.#sockets) socket.resume()
    return new Promise((resolve) => (this.#onReached = resolve))
  }

  /** Every connection breaks. */
  cut(): void {
    for (const socket of this.#sockets) socket.destroy()
  }

  #join(browser: Socket): void {
    const server = connect(this.#target, '127.0.0.1')
    for (const [socket, peer] of [
      [browser, server],
      [server, browser],
    ] as const) {
      this.#sockets.add(socket)
      socket.on('error', () => {})
      socket.on('close', () => {
        this.#sockets.delete(socket)
        peer.destroy()
      })
    }
    server.pipe(browser)
    let own = 0
    browser.on('data', (chunk) => {
      own += chunk.length
      this.#passed += chunk.length
      server.write(chunk)
      if (this.#passed < this.#allowed || own < SMALL) return
      browser.pause()
      this.#onReached()
    })
  }
}

async function startServer(directory: string): Promise<{ child: ChildProcess; port: number }> {
  const child = spawn(process.execPath, ['--import', 'tsx', 'examples/uploads/server.ts'], {
    cwd: checkout,
    env: { ...process.env, PORT: '0', TEMP_FILE_MANAGER_DIR: directory },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  onTestFinished(async () => {
    if (child.exitCode !== null || child.signalCode !== null) return
    child.kill('SIGKILL')
    await once(child, 'exit')
  })
  const [line] = await once(child.stdout, 'data')
  return { child, port: Number(new URL(String(line).trim()).port) }
}

describeInChromium('the pages', (browser) => {
  /** A page of a context of its own, and where each of its PATCH requests began. */
  async function open(url: string, context?: BrowserContext) {
    const own = context ?? (await browser().newContext({ viewport: { width: 820, height: 640 } }))
    if (context === undefined) onTestFinished(() => own.close())
    const page = await own.newPage()
    const offsets: number[] = []
    page.on('request', (request) => {
      const offset = request.headers()['upload-offset']
      if (request.method() === 'PATCH' && offset !== undefined) offsets.push(Number(offset))
    })
    await page.goto(url)
    return { page, offsets, context: own }
  }

  async function largeFile(bytes: number): Promise<{ path: string; sha256: string }> {
    const content = randomBytes(bytes)
    const path = join(await ownDirectory(), 'film.mkv')
    writeFileSync(path, content)
    return { path, sha256: createHash('sha256').update(content).digest('hex') }
  }

  const choose = (page: Page, path: string) => page.locator('input[type=file]').first().setInputFiles(path)
  const rootIn = (directory: string): TempFileManager => {
    const manager = new TempFileManager({
      baseDir: directory,
      name: 'uploads-example',
      sweep: { onStart: false, every: false },
    })
    onTestFinished(() => manager.close())
    return manager
  }

  test('an upload goes on where it was: the server is killed, the network cut, the tab reloaded', async () => {
    const directory = await ownDirectory()
    const root = rootIn(directory)
    const line = await Line.open()
    const first = await startServer(directory)
    line.leadTo(first.port)
    const { page, offsets } = await open(line.url)
    const { path, sha256 } = await largeFile(40 * MB)

    let reached = line.allow(4 * MB)
    await choose(page, path)
    await reached
    const stored = async (): Promise<number> => (await root.uploads())[0]?.bytes ?? 0
    await expect.poll(stored, SOON).toBeGreaterThan(2 * MB)
    first.child.kill('SIGKILL')
    await once(first.child, 'exit')
    const killedAt = await stored()
    line.cut()
    const second = await startServer(directory)
    line.leadTo(second.port)
    reached = line.allow(4 * MB)
    await reached
    await shoot(page, 'upload-continued')

    await expect.poll(() => offsets.length, SOON).toBe(2)
    await expect.poll(stored, SOON).toBeGreaterThan(killedAt)
    const cutAt = await stored()
    line.cut()
    reached = line.allow(4 * MB)
    await reached
    await expect.poll(() => offsets.length, SOON).toBe(3)
    await expect.poll(stored, SOON).toBeGreaterThan(cutAt)
    const reloadedAt = await stored()

    await page.reload()
    void line.allow(Number.POSITIVE_INFINITY)
    await choose(page, path)
    await page.locator('#finished li').waitFor()
    await shoot(page, 'upload-finished')
    expect(await page.locator('#finished').textContent()).toContain(sha256)
    const [begin, ...continued] = offsets
    expect(begin).toBe(0)
    expect(continued.length).toBeGreaterThanOrEqual(3)
    expect(continued.at(0)).toBe(killedAt)
    expect(continued.at(-1)).toBeGreaterThanOrEqual(reloadedAt)
    expect(continued).toEqual([...continued].sort((a, b) => a - b))
    expect(await root.handoffs()).toMatchObject([{ bytes: 40 * MB }])
  }, 60_000)

  test('two tabs on one upload end with one ticket', async () => {
    const directory = await ownDirectory()
    const line = await Line.open()
    const { port } = await startServer(directory)
    line.leadTo(port)
    const { path, sha256 } = await largeFile(24 * MB)
    const one = await open(line.url)
    const two = await open(line.url, one.context)
    const reached = line.allow(4 * MB)
    await choose(one.page, path)
    await reached
    void line.allow(Number.POSITIVE_INFINITY)
    await choose(two.page, path)
    for (const { page } of [one, two]) {
      await page.locator('#finished li').waitFor()
      expect(await page.locator('#finished').textContent()).toContain(sha256)
    }
    expect(await rootIn(directory).handoffs()).toMatchObject([{ bytes: 24 * MB }])
    expect(await rootIn(directory).uploads()).toMatchObject([{ state: 'finished' }])
  }, 60_000)

  test('FilePond: a staged file is restored after a reload, can be reverted, and is submitted with its form', async () => {
    const directory = await ownDirectory()
    const { port } = await startServer(directory)
    const { page } = await open(`http://127.0.0.1:${port}/form`)
    const manager = rootIn(directory)
    const tickets = async (): Promise<string[]> => (await manager.handoffs()).map(({ ticket }) => ticket)
    const staged = page.locator(
      '[data-filepond-item-state="processing-complete"], [data-filepond-item-state="idle"]',
    )
    const input = page.locator('input.filepond--browser')
    const file = (name: string) => ({ name, mimeType: 'text/plain', buffer: Buffer.from(name) })

    await input.setInputFiles([file('a.txt'), file('b.txt')])
    await expect.poll(tickets, SOON).toHaveLength(2)
    await page.waitForFunction("JSON.parse(sessionStorage.tickets ?? '[]').length === 2")
    await page.reload()
    await expect.poll(() => staged.count(), SOON).toBe(2)
    await shoot(page, 'form-restored')

    await page
      .locator('.filepond--item', { hasText: 'b.txt' })
      .locator('button.filepond--action-revert-item-processing')
      .click()
    await expect.poll(tickets, SOON).toHaveLength(1)
    await page.getByRole('button', { name: 'Submit' }).click()
    await page.waitForURL(/submit/)
    expect(JSON.parse((await page.locator('body').textContent()) ?? '')).toEqual({
      title: 'Holidays',
      names: ['a.txt'],
    })
    expect(await tickets()).toEqual([])
  }, 60_000)
})

/** Into EXAMPLES_SCREENSHOTS, when it is set. */
async function shoot(page: Page, name: string): Promise<void> {
  const directory = process.env['EXAMPLES_SCREENSHOTS']
  if (directory !== undefined) await page.screenshot({ path: join(directory, `${name}.png`) })
}
