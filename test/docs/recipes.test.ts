// The recipes for formidable and busboy as docs/uploads.md has them, on real requests.

import { writeFileSync } from 'node:fs'
import { createServer, type IncomingMessage, request as openRequest } from 'node:http'
import { createRequire } from 'node:module'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { transform } from 'esbuild'
import { isTempFileError, type ReceivedFile, TempFileManager, type TempScope } from 'temp-file-manager'
import { describe, expect, onTestFinished, test, vi } from 'vitest'
import { tempBase } from '../fixtures/temp-base.ts'
import { allBlocks } from './code-blocks.ts'

type Recipe = (request: IncomingMessage, scope: TempScope) => Promise<ReceivedFile[]>

const PNG = Buffer.from(
  '89504e470d0a1a0a0000000d49484452000000010000000108060000001f15c4890000000049454e44ae426082',
  'hex',
)
const OTHER = (bytes: number): Buffer => Buffer.alloc(bytes, 'text ')
const { resolve } = createRequire(import.meta.url)

/** The recipe as the page has it, with its packages found from here. */
async function recipe(name: string): Promise<Recipe> {
  const block = allBlocks(fileURLToPath(new URL('../..', import.meta.url))).find(({ code }) =>
    code.includes(`function ${name}(`),
  )
  const { code } = await transform(block?.code ?? '', { loader: 'ts', format: 'esm', target: 'node20' })
  const file = join(tempBase(), 'recipe.mjs')
  writeFileSync(
    file,
    code.replaceAll(/from "(?!node:)([^"]+)"/g, (_, id) => `from "${pathToFileURL(resolve(id))}"`),
  )
  return (await import(pathToFileURL(file).href))[name]
}

async function serve(name: string): Promise<{ url: string; manager: TempFileManager }> {
  const receive = await recipe(name)
  const manager = new TempFileManager({ baseDir: tempBase() })
  const server = createServer(async (request, response) => {
    try {
      await using scope = manager.scope()
      const files = await receive(request, scope)
      response.end(files.map(({ detectedType }) => detectedType).join())
    } catch (error) {
      response.writeHead(isTempFileError(error) ? error.status : 500).end()
    }
  }).listen(0, '127.0.0.1')
  await new Promise((listening) => server.once('listening', listening))
  onTestFinished(async () => {
    server.closeAllConnections()
    server.close()
    await manager.close()
  })
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, manager } // it listens on a port
}

const FORMS: readonly (readonly [string, readonly Buffer[], number])[] = [
  ['two pictures', [PNG, PNG], 200],
  ['a small file that is no picture', [PNG, OTHER(100)], 415],
  ['one that fills the buffers', [OTHER(900_000)], 415],
  ['one whose end is read before it is refused', [PNG, OTHER(90_000)], 415],
  ['9 MB that are no picture, then a picture', [PNG, OTHER(9_000_000), PNG], 415],
]

describe.each(['receiveWithFormidable', 'receiveWithBusboy'])('%s', (name) => {
  test.each(FORMS)(`${name}() answers a form with %s, and keeps nothing`, async (_, parts, status) => {
    const { url, manager } = await serve(name)
    const body = new FormData()
    for (const [index, part] of parts.entries())
      body.append(`file${index}`, new Blob([new Uint8Array(part)]), `${index}.png`)
    const response = await fetch(url, { method: 'POST', body })
    expect(response.status).toBe(status)
    if (status === 200) expect(await response.text()).toBe('image/png,image/png')
    await vi.waitFor(() => expect(manager.stats().entries).toBe(0))
  })

  test(`${name}() keeps nothing of a client that left in the middle of a file`, async () => {
    const { url, manager } = await serve(name)
    const client = openRequest(url, {
      method: 'POST',
      headers: { 'content-type': 'multipart/form-data; boundary=XX', 'content-length': 1_000_000 },
    }).on('error', () => undefined)
    client.write(
      '--XX\r\ncontent-disposition: form-data; name="a"; filename="a.png"\r\ncontent-type: image/png\r\n\r\n',
    )
    client.write(PNG)
    await vi.waitFor(() => expect(manager.stats().pending).toBe(1))
    client.destroy()
    await vi.waitFor(() => expect([manager.stats().pending, manager.stats().entries]).toEqual([0, 0]))
  })
})
