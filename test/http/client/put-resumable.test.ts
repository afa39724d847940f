import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { expect, onTestFinished, test } from 'vitest'
import { putFile } from '../../../src/http/index.ts'
import { resumableUploads } from '../../../src/resumable/index.ts'
import { tusServer } from '../../../src/tus/index.ts'
import { tempManager } from '../../fixtures/temp-base.ts'

type Handle = (req: IncomingMessage, res: ServerResponse) => unknown

/** A server that drops the connection of each of the first `drops` requests with content after some bytes. */
async function unreliable(handle: Handle, drops: number): Promise<{ url: string; requests: string[] }> {
  const requests: string[] = []
  let left = drops
  const server = createServer((req, res) => {
    requests.push(req.method ?? '')
    if (Number(req.headers['content-length'] ?? 0) > 0 && left-- > 0) {
      // Not by a 'data' listener: the bytes that it receives before the server reads are lost to the server.
      const before = req.socket.bytesRead
      const timer = setInterval(() => {
        if (req.socket.bytesRead - before > 300_000) req.socket.destroy()
        if (req.socket.destroyed) clearInterval(timer)
      }, 1)
    }
    handle(req, res)
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  onTestFinished(() => {
    server.closeAllConnections()
    server.close()
  })
  const { port } = server.address() as AddressInfo // it listens on a port
  return { url: `http://127.0.0.1:${port}/files`, requests }
}

const QUICK = { resumable: true, retryDelay: 10 } as const

test('an upload that is interrupted three times continues where it was, by the draft', async () => {
  const manager = tempManager()
  const { url, requests } = await unreliable(resumableUploads(manager).handle, 3)
  await using file = await manager.receive(randomBytes(5_000_000), { hash: 'sha256' })
  const progress: number[] = []
  const { status, body } = await putFile(url, file, {
    ...QUICK,
    onProgress: ({ bytes }) => progress.push(bytes),
  })
  expect([status, JSON.parse(body).bytes]).toEqual([200, 5_000_000])
  expect(requests.filter((method) => method === 'POST')).toHaveLength(1)
  expect(requests).toContain('HEAD')
  expect(progress.at(-1)).toBe(5_000_000)
  await using claim = await manager.claim(JSON.parse(body).ticket)
  expect(
    (await manager.receive(claim.kind === 'file' ? claim.createReadStream() : '', { hash: 'sha256' })).digest,
  ).toBe(file.digest)
})

test('a resumable upload to a tus server is sent by tus', async () => {
  const manager = tempManager()
  const tus = tusServer(manager, { path: '/files' })
  const { url, requests } = await unreliable((req, res) => tus.handle(req, res), 2)
  await using file = await manager.receive(randomBytes(3_000_000))
  await putFile(url, file, QUICK)
  expect(requests.filter((method) => method === 'POST')).toHaveLength(1)
  expect((await manager.handoffs()).map((handoff) => handoff.bytes)).toEqual([3_000_000])
})

test.each(['content-type', 'Content-Type'])(
  'a tus server gets the type that the header %s names',
  async (name) => {
    const manager = tempManager()
    const types: unknown[] = []
    const onFinish = async ({ type }: { type: unknown }) => {
      types.push(type)
      return {}
    }
    const tus = tusServer(manager, { path: '/files', onFinish })
    const { url } = await unreliable((req, res) => tus.handle(req, res), 0)
    await using file = await manager.receive('text')
    await putFile(url, file, { ...QUICK, headers: { [name]: 'text/plain' } })
    expect(types).toEqual(['text/plain'])
  },
)

test('a server that knows neither the draft nor tus gets one ordinary request', async () => {
  let body = 0
  const { url, requests } = await unreliable(async (req, res) => {
    for await (const chunk of req) body += chunk.length
    res.statusCode = req.method === 'OPTIONS' ? 405 : 201
    res.end('stored')
  }, 0)
  const manager = tempManager()
  await using file = await manager.receive(randomBytes(100_000))
  expect(await putFile(url, file, QUICK)).toMatchObject({ status: 201, body: 'stored' })
  expect([requests, body]).toEqual([['OPTIONS', 'POST'], 100_000])
})

test('a file goes in parts where the server limits a request', async () => {
  const manager = tempManager()
  const { url, requests } = await unreliable(resumableUploads(manager, { maxAppendBytes: 400_000 }).handle, 0)
  await using file = await manager.receive(randomBytes(1_000_000))
  const { body } = await putFile(url, file, QUICK)
  expect([JSON.parse(body).bytes, requests]).toEqual([
    1_000_000,
    ['OPTIONS', 'POST', 'PATCH', 'PATCH', 'PATCH'],
  ])
})

test("a file over the server's limit is refused before a byte of it is sent", async () => {
  const manager = tempManager()
  const { url, requests } = await unreliable(resumableUploads(manager, { maxBytes: 1000 }).handle, 0)
  await using file = await manager.receive(randomBytes(2000))
  await expect(putFile(url, file, QUICK)).rejects.toMatchObject({
    code: 'ERR_TEMP_UPLOAD_FAILED',
    details: { status: 413 },
  })
  expect(requests).toEqual(['OPTIONS'])
})
