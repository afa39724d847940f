import { createHash } from 'node:crypto'
import { truncate } from 'node:fs/promises'
import type { IncomingMessage, RequestListener } from 'node:http'
import { buffer } from 'node:stream/consumers'
import { expect, test } from 'vitest'
import { putFile, receiveBody } from '../../../src/http/index.ts'
import { content, putting, Store } from './putting.ts'

const here = putting()

test('a file is sent whole, with its length and progress, and the answer is returned', async () => {
  const reported: number[] = []
  let got: { headers: IncomingMessage['headers']; method: string | undefined; body: Buffer } | undefined
  here.handler = async (req, res) => {
    got = { headers: req.headers, method: req.method, body: await buffer(req) }
    res.writeHead(201, { 'x-id': '7' }).end('stored')
  }
  const result = await putFile(here.server.url, here.file, {
    type: 'video/mp4',
    headers: { authorization: 'Bearer x' },
    onProgress: ({ bytes, total }) => reported.push(bytes, total ?? -1),
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
  expect(reported.slice(-2)).toEqual([content.length, content.length])
})

test('an error with which a promise of onProgress rejects is thrown unchanged', async () => {
  here.handler = (req, res) => void req.resume().on('end', () => res.end())
  const mine = new Error('mine')
  const onProgress = async (): Promise<void> => {
    await null
    throw mine
  }
  for (const options of [{}, { chunkBytes: 1000 }, { resumable: true }])
    await expect(putFile(here.server.url, here.file, { ...options, onProgress })).rejects.toBe(mine)
})

test('a signal ends the wait for a promise of onProgress that never settles', async () => {
  here.handler = (req, res) => void req.resume().on('end', () => res.end())
  const controller = new AbortController()
  const onProgress = (): Promise<void> => {
    setImmediate(() => controller.abort())
    return new Promise(() => {})
  }
  const sending = putFile(here.server.url, here.file, { signal: controller.signal, onProgress })
  await expect(sending).rejects.toMatchObject({ code: 'ERR_TEMP_ABORTED' })
})

test('a file that is sent arrives at receiveBody', async () => {
  here.handler = async (req, res) => {
    await using got = await receiveBody(req, here.premises.manager, { hash: 'sha256' })
    res.end(got.digest)
  }
  expect((await putFile(here.server.url, here.file)).body).toBe(
    createHash('sha256').update(content).digest('hex'),
  )
})

test('an empty file is sent, whole and in pieces', async () => {
  await truncate(here.file.path, 0)
  const ranges: unknown[] = []
  here.handler = async (req, res) => {
    ranges.push(req.headers['content-range'])
    res.end(String((await buffer(req)).length))
  }
  expect((await putFile(here.server.url, here.file)).body).toBe('0')
  expect((await putFile(here.server.url, here.file, { chunkBytes: 10 })).body).toBe('0')
  expect(ranges).toEqual([undefined, 'bytes */0'])
})

test('with chunkBytes, pieces with Content-Range are sent one after the other', async () => {
  const store = new Store()
  here.handler = async (req, res) => {
    const done = await store.take(req)
    res.writeHead(done ? 200 : 202).end(done ? 'all' : '')
  }
  expect(await putFile(here.server.url, here.file, { chunkBytes: '256kb' })).toMatchObject({
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
})

test.each<[string, (req: IncomingMessage, res: Parameters<RequestListener>[1]) => void]>([
  ['503', (req, res) => void req.resume().on('end', () => res.writeHead(503).end())],
  ['429 before the body was read', (_, res) => void res.writeHead(429, { 'retry-after': '0' }).end()],
  ['a broken connection', (req) => void req.socket.destroy()],
])('a piece that failed with %s is sent again, and only that piece', async (_, fail) => {
  const store = new Store()
  let requests = 0
  here.handler = async (req, res) => {
    requests += 1
    if (requests % 2 === 0) return fail(req, res)
    const done = await store.take(req)
    res.writeHead(done ? 200 : 202).end()
  }
  expect(await putFile(here.server.url, here.file, { chunkBytes: 250_000, retryDelay: 1 })).toMatchObject({
    status: 200,
  })
  expect(store.stored.equals(content)).toBe(true)
  expect(requests).toBe(7)
})

test('the whole file is sent again where retries are asked for', async () => {
  let requests = 0
  here.handler = async (req, res) => {
    requests += 1
    const { length } = await buffer(req)
    res.writeHead(requests < 3 ? 500 : 200).end(String(length))
  }
  expect((await putFile(here.server.url, here.file, { retries: 2, retryDelay: 1 })).body).toBe('1000000')
  expect(requests).toBe(3)
})
