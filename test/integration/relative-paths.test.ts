// Relative paths of public functions. Guarantee: each means the working directory of the call, also when the program changes
// its directory before the call has looked at the path.

import { pbkdf2 } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { createServer, get, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { promisify } from 'node:util'
import { describe, expect, onTestFinished, test } from 'vitest'
import { fileResponse, putFile, sendFile } from '../../src/http/index.ts'
import { tempBase, tempManager } from '../fixtures/temp-base.ts'

const onWindows = process.platform === 'win32' // does not move open files; removes '..' before it follows links
const THREADS = Number(process.env['UV_THREADPOOL_SIZE'] ?? 4)

/** Directories `here` and `elsewhere` with a file `x` each, whose content is the directory's name; here is current. */
function twoDirectories(): { here: string; elsewhere: string } {
  const base = tempBase()
  const [here = '', elsewhere = ''] = ['here', 'elsewhere'].map((name) => {
    mkdirSync(join(base, name))
    writeFileSync(join(base, name, 'x'), name)
    return join(base, name)
  })
  const before = process.cwd()
  onTestFinished(() => process.chdir(before))
  process.chdir(here)
  return { here, elsewhere }
}

/** Calls, then changes the directory while every thread that could look at a path is busy. */
async function callAndLeave<T>(elsewhere: string, call: () => Promise<T>): Promise<T> {
  const busy = Array.from({ length: 2 * THREADS }, () =>
    promisify(pbkdf2)('password', 'salt', 20_000, 64, 'sha512'),
  )
  const called = call()
  process.chdir(elsewhere)
  const [result] = await Promise.allSettled([called])
  await Promise.all(busy)
  if (result.status === 'rejected') throw result.reason
  return result.value
}

async function server(
  handler: (request: IncomingMessage, response: ServerResponse) => void | Promise<void>,
): Promise<string> {
  const listening = createServer((request, response) => void handler(request, response))
  await new Promise<void>((resolve) => listening.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => void listening.close())
  return `http://127.0.0.1:${(listening.address() as AddressInfo).port}/`
}

describe('a relative path means the working directory of the call', () => {
  test.each([{}, { inPlace: true }, { accept: { minBytes: 1 } }])('in adopt with %o', async (options) => {
    const { here, elsewhere } = twoDirectories()
    const manager = tempManager()
    const file = await callAndLeave(elsewhere, () => manager.adopt('x', options))
    expect(readFileSync(file.path, 'utf8')).toBe('here')
    await file.remove()
    expect([existsSync(join(here, 'x')), existsSync(join(elsewhere, 'x'))]).toEqual([false, true])
  })

  test('in adopt of a scope', async () => {
    const { elsewhere } = twoDirectories()
    const scope = tempManager().scope()
    const file = await callAndLeave(elsewhere, () => scope.adopt('x'))
    expect(readFileSync(file.path, 'utf8')).toBe('here')
    await scope.close()
  })

  test('in checkFile', async () => {
    const { here, elsewhere } = twoDirectories()
    const manager = tempManager()
    const checked = await callAndLeave(elsewhere, () => manager.checkFile('x', { maxBytes: 4 }))
    expect(checked).toMatchObject({ path: join(here, 'x'), bytes: 4 })
  })

  test.each(['file', 'dir'] as const)('in persist of a %s', async (kind) => {
    const { here, elsewhere } = twoDirectories()
    const entry = tempManager()[kind]()
    const path = await callAndLeave(elsewhere, () => entry.persist('y'))
    expect(path).toBe(join(here, 'y'))
    expect(existsSync(path)).toBe(true)
  })

  test('in persist of a claim', async () => {
    const { here, elsewhere } = twoDirectories()
    const manager = tempManager()
    const claim = await manager.claim(await manager.file().handOff())
    expect(await callAndLeave(elsewhere, () => claim.persist('y'))).toBe(join(here, 'y'))
  })

  test.skipIf(onWindows)('in persist of a file that a stream is being opened on', async () => {
    const { here, elsewhere } = twoDirectories()
    const file = tempManager().file()
    const stream = file.createReadStream()
    expect(await callAndLeave(elsewhere, () => file.persist('y'))).toBe(join(here, 'y'))
    stream.destroy()
  })

  test('in persistSync', () => {
    const { here } = twoDirectories()
    expect(tempManager().file().persistSync('y')).toBe(join(here, 'y'))
  })

  test('in sendFile', async () => {
    const { elsewhere } = twoDirectories()
    const url = await server(async (request, response) => {
      await callAndLeave(elsewhere, () => sendFile(request, response, { path: 'x' }))
    })
    const response = await new Promise<IncomingMessage>((resolve) => get(url, resolve))
    expect(await text(response)).toBe('here')
  })

  test.skipIf(onWindows)('in fileResponse, of a path that the system follows through a link', async () => {
    const { here, elsewhere } = twoDirectories()
    mkdirSync(join(here, 'releases', '5'), { recursive: true })
    writeFileSync(join(here, 'releases', 'x'), 'through the link')
    symlinkSync(join('releases', '5'), 'current')
    for (const path of ['current/../x', `${here}/current/../x`]) {
      process.chdir(here)
      const request = new Request('http://localhost/')
      const response = await callAndLeave(elsewhere, () => fileResponse(request, { path }))
      expect(await response.text()).toBe('through the link')
    }
  })

  test('in fileResponse', async () => {
    const { elsewhere } = twoDirectories()
    const request = new Request('http://localhost/')
    const response = await callAndLeave(elsewhere, () => fileResponse(request, { path: 'x' }))
    expect(await response.text()).toBe('here')
  })

  test.each([{}, { chunkBytes: 2 }, { resumable: true }])('in putFile with %o', async (options) => {
    const { elsewhere } = twoDirectories()
    const received: string[] = []
    const url = await server(async (request, response) => {
      received.push(await text(request))
      response.end()
    })
    await callAndLeave(elsewhere, () => putFile(url, { path: 'x' }, options))
    expect(received.join('')).toBe('here')
  })
})
