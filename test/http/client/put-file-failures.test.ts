// The failures of an upload, and their report of its progress.

import { truncate } from 'node:fs/promises'
import { expect, test } from 'vitest'
import { type PutOptions, putFile } from '../../../src/http/index.ts'
import { serve } from '../premises.ts'
import { putting, Store } from './putting.ts'

const here = putting()

test('a refusal fails with its status and how far it got, and is not tried again', async () => {
  let requests = 0
  here.handler = (req, res) => {
    requests += 1
    req.resume().on('end', () => res.writeHead(403).end('no'))
  }
  expect(await here.failure()).toEqual({
    code: 'ERR_TEMP_UPLOAD_FAILED',
    details: { status: 403, bytes: 1_000_000, total: 1_000_000 },
  })
  expect(await here.failure({ chunkBytes: 250_000 })).toEqual({
    code: 'ERR_TEMP_UPLOAD_FAILED',
    details: { status: 403, bytes: 0, total: 1_000_000 },
  })
  expect(requests).toBe(2)
})

test('a server that fails for good fails after its retries, with what it had stored', async () => {
  const store = new Store()
  let requests = 0
  here.handler = async (req, res) => {
    requests += 1
    if (requests > 2) return void req.resume().on('end', () => res.writeHead(500).end())
    await store.take(req)
    res.end()
  }
  expect(await here.failure({ chunkBytes: 250_000, retries: 2 })).toEqual({
    code: 'ERR_TEMP_UPLOAD_FAILED',
    details: { status: 500, bytes: 500_000, total: 1_000_000 },
  })
  expect(requests).toBe(5)
})

test('a refusal that comes while the file is still being sent is heard', async () => {
  await using big = await here.premises.manager.receive(Buffer.alloc(50 * 1024 * 1024))
  here.handler = (_, res) => void res.writeHead(413).end('too large')
  await expect(putFile(here.server.url, big)).rejects.toMatchObject({
    code: 'ERR_TEMP_UPLOAD_FAILED',
    details: { status: 413 },
  })
})

test('a server that is not there, or hangs up, fails with the cause', async () => {
  here.handler = (req) => void req.socket.destroy()
  expect(await here.failure()).toMatchObject({ code: 'ERR_TEMP_UPLOAD_FAILED' })
  const gone = await serve(() => {})
  await gone.close()
  await expect(putFile(gone.url, here.file)).rejects.toMatchObject({
    code: 'ERR_TEMP_UPLOAD_FAILED',
    cause: { code: 'ECONNREFUSED' },
    details: { bytes: expect.any(Number) },
  })
})

test('a server that falls silent is given up', async () => {
  here.handler = () => {}
  expect(await here.failure({ timeout: 50 })).toMatchObject({
    code: 'ERR_TEMP_TIMEOUT',
    details: { total: 1_000_000 },
  })
})

test('a signal ends an upload: before, while sending, and while waiting for the next try', async () => {
  expect(await here.failure({ signal: AbortSignal.abort() })).toEqual({
    code: 'ERR_TEMP_ABORTED',
    details: { bytes: 0, total: 1_000_000 },
  })
  const sending = new AbortController()
  here.handler = () => sending.abort()
  expect(await here.failure({ signal: sending.signal })).toMatchObject({ code: 'ERR_TEMP_ABORTED' })
  const waiting = new AbortController()
  here.handler = (req, res) => {
    req.resume().on('end', () => res.writeHead(503).end())
    res.on('finish', () => setImmediate(() => waiting.abort()))
  }
  expect(await here.failure({ signal: waiting.signal, retries: 5, retryDelay: '1h' })).toMatchObject({
    code: 'ERR_TEMP_ABORTED',
  })
})

test('redirects are not followed, and reported as errors', async () => {
  here.handler = (req, res) => void req.resume().on('end', () => res.writeHead(307, { location: '/x' }).end())
  await expect(putFile(here.server.url, here.file)).rejects.toThrow('pass the final URL')
})

test('a file that is gone or became shorter is not sent', async () => {
  here.handler = (req, res) => void req.resume().on('end', () => res.end())
  const { path } = here.file
  const sending = putFile(here.server.url, here.file, {
    chunkBytes: 500_000,
    onProgress: () => void truncate(path, 500_000).catch(() => {}),
  })
  await expect(sending).rejects.toMatchObject({ code: 'ERR_TEMP_TRUNCATED' })
  await here.file.remove()
  expect(await here.failure()).toMatchObject({ code: 'ERR_TEMP_REMOVED' })
})

test.each([
  ['120', 120],
  ['Wed, 21 Oct 2026 07:30:00 GMT', 120],
  ['Wed, 21 Oct 2026 07:27:00 GMT', undefined],
  ['soon', undefined],
])('Retry-After: %s asks for %j seconds, by the server’s clock', async (value, seconds) => {
  here.handler = (req, res) => {
    req.resume()
    res.writeHead(503, { 'retry-after': value, date: 'Wed, 21 Oct 2026 07:28:00 GMT' }).end()
  }
  const { retryAfter } = (await here.failure()).details as { retryAfter?: number }
  expect(retryAfter).toBe(seconds)
})

test.each<[string, PutOptions]>([
  ['chunkBytes', { chunkBytes: 0 }],
  ['timeout', { timeout: 'soon' }],
  ['headers', { headers: { 'a b': 'x' } }],
  ['type', { type: 'text/Ā' }],
  ['retryDelay', { retryDelay: -1 }],
  ['retries', { retries: -1 }],
])('a bad option is refused: %s', async (_, options) => {
  expect(await here.failure(options)).toMatchObject({ code: 'ERR_TEMP_OPTION_INVALID' })
})

test('Transfer-Encoding, which would contradict Content-Length, is refused before anything is sent', async () => {
  let requests = 0
  here.handler = () => {
    requests += 1
  }
  const headers = { 'Transfer-Encoding': 'chunked' }
  expect(await here.failure({ headers })).toMatchObject({ code: 'ERR_TEMP_OPTION_INVALID' })
  expect(requests).toBe(0)
})
