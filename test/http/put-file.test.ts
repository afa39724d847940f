import { randomBytes } from 'node:crypto'
import { truncate } from 'node:fs/promises'
import type { IncomingMessage, RequestListener } from 'node:http'
import { buffer } from 'node:stream/consumers'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { type PutOptions, putFile, receiveBody } from '../../src/http/index.ts'
import { isTempFileError, type ReceivedFile } from '../../src/index.ts'
import { Premises, type Served, serve } from './premises.ts'

const content = randomBytes(1_000_000)

let premises: Premises
let server: Served
let handler: RequestListener
let file: ReceivedFile

beforeEach(async () => {
  premises = new Premises()
  file = await premises.manager.receive(content)
  server = await serve((req, res) => handler(req, res))
})

afterEach(async () => {
  await file.remove()
  await premises.expectNothingLeft()
  await server.close()
  await premises.expectNothingOpen()
  await premises.close()
})

async function failure(options: PutOptions = {}): Promise<{ code: string; details: unknown }> {
  try {
    await putFile(server.url, file, { retryDelay: 1, ...options })
  } catch (error) {
    if (isTempFileError(error)) return { code: error.code, details: error.details }
    throw error
  }
  throw new Error('it was sent')
}

/** A server that stores pieces by Content-Range, as resumable uploads do. */
class Store {
  stored = Buffer.alloc(0)
  readonly ranges: string[] = []

  async take(req: IncomingMessage): Promise<boolean> {
    const range = req.headers['content-range'] ?? ''
    this.ranges.push(range)
    const [, start, end, total] = /^bytes (\d+)-(\d+)\/(\d+)$/.exec(range)?.map(Number) ?? []
    const piece = await buffer(req)
    if (start !== this.stored.length || end === undefined || piece.length !== end - start + 1)
      throw new Error(`a wrong piece: ${range}`)
    this.stored = Buffer.concat([this.stored, piece])
    return this.stored.length === total
  }
}

test('a file is sent whole, with its length and progress, and the answer is returned', async () => {
  const told: number[] = []
  let got: { headers: IncomingMessage['headers']; method: string | undefined; body: Buffer } | undefined
  handler = async (req, res) => {
    got = { headers: req.headers, method: req.method, body: await buffer(req) }
    res.writeHead(201, { 'x-id': '7' }).end('stored')
  }
  const result = await putFile(server.url, file, {
    type: 'video/mp4',
    headers: { authorization: 'Bearer x' },
    onProgress: ({ bytes, total }) => told.push(bytes, total ?? -1),
  })
  expect(result).toMatchObject({
    status: 201,
    bytes: content.length,
    body: 'stored',
    headers: { 'x-id': '7' },
  })
  expect(got?.method).toBe('PUT')
  expect(got?.headers).toMatchObject({
    'content-length': String(content.length),
    'content-type': 'video/mp4',
    authorization: 'Bearer x',
  })
  expect(got?.headers['content-range']).toBeUndefined()
  expect(got?.body.equals(content)).toBe(true)
  expect(told.slice(-2)).toEqual([content.length, content.length])
})

test('what is sent arrives at receiveBody', async () => {
  handler = async (req, res) => {
    await using got = await receiveBody(req, premises.manager, { hash: 'sha256' })
    res.end(got.digest)
  }
  const { createHash } = await import('node:crypto')
  expect((await putFile(server.url, file)).body).toBe(createHash('sha256').update(content).digest('hex'))
})

test('an empty file is sent, whole and in pieces', async () => {
  await truncate(file.path, 0)
  const ranges: unknown[] = []
  handler = async (req, res) => {
    ranges.push(req.headers['content-range'])
    res.end(String((await buffer(req)).length))
  }
  expect((await putFile(server.url, file)).body).toBe('0')
  expect((await putFile(server.url, file, { chunkBytes: 10 })).body).toBe('0')
  expect(ranges).toEqual([undefined, 'bytes */0'])
})

test('in pieces, each with its range, by 2xx and by 308', async () => {
  for (const intermediate of [200, 308]) {
    const store = new Store()
    handler = async (req, res) => {
      const done = await store.take(req)
      if (done) res.writeHead(200).end('all')
      else
        res
          .writeHead(
            intermediate,
            intermediate === 308 ? { range: `bytes=0-${store.stored.length - 1}` } : {},
          )
          .end()
    }
    expect(await putFile(server.url, file, { chunkBytes: '256kb' })).toMatchObject({
      status: 200,
      bytes: content.length,
      body: 'all',
    })
    expect(store.stored.equals(content)).toBe(true)
    expect(store.ranges).toEqual([
      'bytes 0-262143/1000000',
      'bytes 262144-524287/1000000',
      'bytes 524288-786431/1000000',
      'bytes 786432-999999/1000000',
    ])
  }
})

test('a piece of which only a part was stored is sent again from there', async () => {
  const store = new Store()
  let first = true
  handler = async (req, res) => {
    if (first) {
      first = false
      store.ranges.push(req.headers['content-range'] ?? '')
      store.stored = (await buffer(req)).subarray(0, 100_000)
      return void res.writeHead(308, { range: 'bytes=0-99999' }).end()
    }
    const done = await store.take(req)
    res.writeHead(done ? 200 : 308, { range: `bytes=0-${store.stored.length - 1}` }).end()
  }
  await putFile(server.url, file, { chunkBytes: 400_000 })
  expect(store.stored.equals(content)).toBe(true)
  expect(store.ranges).toEqual([
    'bytes 0-399999/1000000',
    'bytes 100000-499999/1000000',
    'bytes 500000-899999/1000000',
    'bytes 900000-999999/1000000',
  ])
})

test.each<[string, (req: IncomingMessage, res: Parameters<RequestListener>[1]) => void]>([
  ['503', (req, res) => void req.resume().on('end', () => res.writeHead(503).end())],
  ['429 before the body was read', (_, res) => void res.writeHead(429, { 'retry-after': '0' }).end()],
  ['a broken connection', (req) => void req.socket.destroy()],
])('a piece that failed with %s is sent again, and only that piece', async (_, fail) => {
  const store = new Store()
  let requests = 0
  handler = async (req, res) => {
    requests += 1
    if (requests % 2 === 0) return fail(req, res)
    const done = await store.take(req)
    res.writeHead(done ? 200 : 202).end()
  }
  expect(await putFile(server.url, file, { chunkBytes: 250_000, retryDelay: 1 })).toMatchObject({
    status: 200,
  })
  expect(store.stored.equals(content)).toBe(true)
  expect(requests).toBe(7)
})

test('the whole file is sent again where retries are asked for', async () => {
  let requests = 0
  handler = async (req, res) => {
    requests += 1
    const { length } = await buffer(req)
    res.writeHead(requests < 3 ? 500 : 200).end(String(length))
  }
  expect((await putFile(server.url, file, { retries: 2, retryDelay: 1 })).body).toBe('1000000')
  expect(requests).toBe(3)
})

test('a refusal fails with its status and how far it got, and is not tried again', async () => {
  let requests = 0
  handler = (req, res) => {
    requests += 1
    req.resume().on('end', () => res.writeHead(403).end('no'))
  }
  expect(await failure()).toEqual({
    code: 'ERR_TEMP_UPLOAD_FAILED',
    details: { status: 403, bytes: 1_000_000, total: 1_000_000 },
  })
  expect(await failure({ chunkBytes: 250_000 })).toEqual({
    code: 'ERR_TEMP_UPLOAD_FAILED',
    details: { status: 403, bytes: 0, total: 1_000_000 },
  })
  expect(requests).toBe(2)
})

test('a server that fails for good fails after its retries, with what it had stored', async () => {
  const store = new Store()
  let requests = 0
  handler = async (req, res) => {
    requests += 1
    if (requests > 2) return void req.resume().on('end', () => res.writeHead(500).end())
    await store.take(req)
    res.end()
  }
  expect(await failure({ chunkBytes: 250_000, retries: 2 })).toEqual({
    code: 'ERR_TEMP_UPLOAD_FAILED',
    details: { status: 500, bytes: 500_000, total: 1_000_000 },
  })
  expect(requests).toBe(5)
})

test('a refusal that comes while the file is still being sent is heard', async () => {
  await using big = await premises.manager.receive(Buffer.alloc(50 * 1024 * 1024))
  handler = (_, res) => void res.writeHead(413).end('too large')
  await expect(putFile(server.url, big)).rejects.toMatchObject({
    code: 'ERR_TEMP_UPLOAD_FAILED',
    details: { status: 413 },
  })
})

test('a server that is not there, or hangs up, fails with the cause', async () => {
  handler = (req) => void req.socket.destroy()
  expect(await failure()).toMatchObject({ code: 'ERR_TEMP_UPLOAD_FAILED' })
  const gone = await serve(() => {})
  await gone.close()
  await expect(putFile(gone.url, file)).rejects.toMatchObject({
    code: 'ERR_TEMP_UPLOAD_FAILED',
    cause: { code: 'ECONNREFUSED' },
    details: { bytes: expect.any(Number) },
  })
})

test('a server that falls silent is given up', async () => {
  handler = () => {}
  expect(await failure({ timeout: 50 })).toMatchObject({
    code: 'ERR_TEMP_TIMEOUT',
    details: { total: 1_000_000 },
  })
})

test('a signal ends it: before, while sending, and while waiting for the next try', async () => {
  expect(await failure({ signal: AbortSignal.abort() })).toEqual({
    code: 'ERR_TEMP_ABORTED',
    details: { bytes: 0, total: 1_000_000 },
  })
  const sending = new AbortController()
  handler = () => sending.abort()
  expect(await failure({ signal: sending.signal })).toMatchObject({ code: 'ERR_TEMP_ABORTED' })
  const waiting = new AbortController()
  handler = (req, res) => {
    req.resume().on('end', () => res.writeHead(503).end())
    res.on('finish', () => setImmediate(() => waiting.abort()))
  }
  expect(await failure({ signal: waiting.signal, retries: 5, retryDelay: '1h' })).toMatchObject({
    code: 'ERR_TEMP_ABORTED',
  })
})

test('redirects are not followed, and said so', async () => {
  handler = (req, res) => void req.resume().on('end', () => res.writeHead(307, { location: '/x' }).end())
  await expect(putFile(server.url, file)).rejects.toThrow('final address')
})

test('a file that is gone or became shorter is not sent', async () => {
  handler = (req, res) => void req.resume().on('end', () => res.end())
  const { path } = file
  const sending = putFile(server.url, file, {
    chunkBytes: 500_000,
    onProgress: () => void truncate(path, 500_000).catch(() => {}),
  })
  await expect(sending).rejects.toMatchObject({ code: 'ERR_TEMP_TRUNCATED' })
  await file.remove()
  expect(await failure()).toMatchObject({ code: 'ERR_TEMP_REMOVED' })
})

test.each<[string, PutOptions]>([
  ['chunkBytes', { chunkBytes: 0 }],
  ['timeout', { timeout: 'soon' }],
  ['retryDelay', { retryDelay: -1 }],
  ['retries', { retries: -1 }],
])('a bad option is refused: %s', async (_, options) => {
  expect(await failure(options)).toMatchObject({ code: 'ERR_TEMP_OPTION_INVALID' })
})
