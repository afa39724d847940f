import { existsSync, readdirSync, readlinkSync } from 'node:fs'
import { truncate } from 'node:fs/promises'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { serve as serveHono } from '@hono/node-server'
import { Hono } from 'hono'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { fileResponse, type SendOptions } from '../../../src/http/index.ts'
import type { ReceivedFile } from '../../../src/index.ts'
import { curl } from '../clients.ts'
import { Premises, served } from '../premises.ts'

const SIZE = 1_000_000
const content = Buffer.alloc(SIZE, 'digits of a file ')
setFlagsFromString('--expose-gc')
const collectGarbage: () => void = runInNewContext('gc')
let premises: Premises
let sent: ReceivedFile

beforeEach(async () => {
  premises = new Premises()
  sent = await premises.manager.receive(content, { suffix: '.bin' })
})

afterEach(async () => {
  await sent.remove()
  await premises.expectNothingOpen()
  await premises.close()
})

function respond(
  headers: Record<string, string> = {},
  options: SendOptions = {},
  method = 'GET',
): Promise<Response> {
  return fileResponse(new Request('http://localhost/', { headers, method }), sent, options)
}

test('a Response with the whole file has its length, type and name', async () => {
  const response = await respond({}, { fileName: 'résumé.pdf' })
  expect(response.status).toBe(200)
  expect(response.headers.get('content-length')).toBe(String(SIZE))
  expect(response.headers.get('content-type')).toBe('application/pdf')
  expect(response.headers.get('content-disposition')).toContain("filename*=UTF-8''r%C3%A9sum%C3%A9.pdf")
  expect(Buffer.from(await response.arrayBuffer()).equals(content)).toBe(true)
})

test('a range, a HEAD and conditions are answered as sendFile answers them', async () => {
  const part = await respond({ range: 'bytes=-10' })
  expect([part.status, part.headers.get('content-range')]).toEqual([
    206,
    `bytes ${SIZE - 10}-${SIZE - 1}/${SIZE}`,
  ])
  expect((await part.arrayBuffer()).byteLength).toBe(10)
  const head = await respond({}, {}, 'HEAD')
  expect([head.status, head.body, head.headers.get('content-length')]).toEqual([200, null, String(SIZE)])
  expect((await respond({ 'if-none-match': head.headers.get('etag') ?? '' })).status).toBe(304)
  expect((await respond({ range: `bytes=${SIZE}-` })).status).toBe(416)
  expect((await respond({ 'if-match': '"x"' })).status).toBe(412)
})

test('an empty file is an empty body', async () => {
  await truncate(sent.path, 0)
  const response = await respond()
  expect([response.status, await response.text()]).toEqual([200, ''])
})

test('the file can be removed once the response is made', async () => {
  const response = await respond()
  await sent.remove()
  expect((await response.arrayBuffer()).byteLength).toBe(SIZE)
})

test('a file that became shorter breaks the body off', async () => {
  const response = await respond()
  await truncate(sent.path, 1000)
  await expect(response.arrayBuffer()).rejects.toMatchObject({ code: 'ERR_TEMP_TRUNCATED' })
})

describe('remove', () => {
  test.each<[SendOptions['remove'], string, Record<string, string>, boolean]>([
    ['after-full-body', 'GET', {}, true],
    ['after-full-body', 'HEAD', {}, false],
    ['after-full-body', 'GET', { range: 'bytes=0-1' }, false],
    ['after-response', 'HEAD', {}, true],
    ['after-response', 'GET', { range: 'bytes=0-1' }, true],
    ['never', 'GET', {}, false],
  ])(
    'with remove: %s, a %s with %o whose body was read removes the file: %s',
    async (remove, method, headers, removed) => {
      await (await respond(headers, { remove }, method)).arrayBuffer()
      expect(existsSync(sent.path)).toBe(!removed)
    },
  )

  test.each<[SendOptions['remove'], boolean]>([
    ['after-full-body', false],
    ['after-response', true],
  ])('with remove: %s, a body that is cancelled removes the file: %s', async (remove, removed) => {
    const reader = (await respond({}, { remove })).body?.getReader()
    await reader?.read()
    await reader?.cancel()
    expect(existsSync(sent.path)).toBe(!removed)
  })

  test('a request that is aborted closes the file although nobody reads or cancels the body', async () => {
    const abort = new AbortController()
    const request = new Request('http://localhost/', { signal: abort.signal })
    await fileResponse(request, sent, { remove: 'after-response' })
    abort.abort()
    await vi.waitFor(() => expect(existsSync(sent.path)).toBe(false))
  })

  test('a plain path cannot be removed', async () => {
    const request = new Request('http://localhost/')
    await expect(
      fileResponse(request, { path: sent.path }, { remove: 'after-response' }),
    ).rejects.toMatchObject({
      code: 'ERR_TEMP_OPTION_INVALID',
    })
  })
})

test('a body whose request was aborted rejects with ERR_TEMP_ABORTED', async () => {
  const controller = new AbortController()
  const response = await fileResponse(new Request('http://localhost/', { signal: controller.signal }), sent)
  const reader = response.body?.getReader()
  await reader?.read()
  controller.abort()
  await expect(reader?.read()).rejects.toMatchObject({ code: 'ERR_TEMP_ABORTED' })
})

test.each<[SendOptions['remove'], boolean]>([
  ['never', true],
  ['after-response', false],
])(
  'a Response that is dropped unread closes its file, without a warning (remove: %s)',
  async (remove, stays) => {
    await respond({}, { remove })
    expect(openFiles()).toBe(1)
    await vi.waitFor(
      () => {
        collectGarbage()
        expect(openFiles()).toBe(0)
        expect(existsSync(sent.path)).toBe(stays)
      },
      { timeout: 10_000, interval: 10 },
    )
    expect(premises.warnings).toEqual([])
  },
)

test('a Response that is read late is not ended by the garbage collector', async () => {
  const reader = (await respond({}, { remove: 'after-response' })).body?.getReader()
  collectGarbage()
  await new Promise((resolve) => setImmediate(resolve)) // a turn in which finalizers run
  expect(openFiles()).toBe(1)
  await reader?.cancel()
})

/** Descriptors of this test's files. */
function openFiles(): number {
  return readdirSync('/proc/self/fd').filter((fd) => {
    try {
      return readlinkSync(`/proc/self/fd/${fd}`).startsWith(sent.path)
    } catch {
      return false // the one that readdir used
    }
  }).length
}

test('in Hono: curl gets the file, its head and a range, and a client that leaves closes the file', async () => {
  const app = new Hono()
  app.get('/', (c) => fileResponse(c.req.raw, sent, { fileName: 'ü.bin' }))
  const server = await new Promise<ReturnType<typeof serveHono>>((resolve) => {
    const listening = serveHono({ fetch: app.fetch, port: 0, hostname: '127.0.0.1' }, () =>
      resolve(listening),
    )
  })
  // A server of node:http, as no other was asked for.
  const here = served(server as Parameters<typeof served>[0])
  expect((await curl(here.url)).out.length).toBe(SIZE)
  expect(await curl('-I', here.url)).toMatchObject({ status: 200 })
  expect((await curl('-r', '5-9', here.url)).out).toBe(content.subarray(5, 10).toString())
  const leaving = new AbortController()
  await fetch(here.url, { signal: leaving.signal })
  leaving.abort()
  await here.close()
})
