// Requests of the Fetch API: Hono, a Next.js route handler, and one made by hand.

import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { createServer, type IncomingMessage, type Server } from 'node:http'
import { Readable } from 'node:stream'
import { serve as serveFetch } from '@hono/node-server'
import { Hono } from 'hono'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { type FormOptions, receiveBody, receiveForm } from '../../../src/http/index.ts'
import { fileRules, isTempFileError, type TempFileErrorCode } from '../../../src/index.ts'
import { curl, FORM_TYPE, field, file, halfPost, multipart, post } from '../clients.ts'
import { listen, media, Premises, type Served, served } from '../premises.ts'

let premises: Premises
let rules: FormOptions
let outcomes: (TempFileErrorCode | 'received' | 'other')[]
let onOutcome: () => void

/** A route handler of Next.js: `export async function POST(request: Request): Promise<Response>`. */
async function POST(request: Request): Promise<Response> {
  try {
    await using form = await receiveForm(request, premises.manager, rules)
    note('received')
    return Response.json({
      fields: form.fields,
      files: form.files.map(({ originalName, bytes }) => ({ originalName, bytes })),
    })
  } catch (error) {
    note(isTempFileError(error) ? error.code : 'other')
    if (isTempFileError(error)) return new Response(error.code, { status: error.status })
    throw error
  }
}

async function PUT(request: Request): Promise<Response> {
  await using body = await receiveBody(request, premises.manager, { hash: 'md5' })
  return new Response(body.digest)
}

function note(outcome: TempFileErrorCode | 'received' | 'other'): void {
  outcomes.push(outcome)
  onOutcome()
}

/** Hono's own server and its context. */
async function withHono(): Promise<Served> {
  const app = new Hono()
  app.post('/', (c) => POST(c.req.raw))
  app.put('*', (c) => PUT(c.req.raw))
  const server = serveFetch({ fetch: app.fetch, port: 0, hostname: '127.0.0.1' }) as Server // the default is node:http's
  await once(server, 'listening')
  return served(server)
}

/** The adapter that Next.js and others use in essence: a Request whose body is the request's stream. */
function withRouteHandler(): Promise<Served> {
  return listen(
    createServer(async (req, res) => {
      const response = await (req.method === 'PUT' ? PUT : POST)(requestOf(req))
      res.writeHead(response.status, Object.fromEntries(response.headers))
      res.end(Buffer.from(await response.arrayBuffer()))
    }),
  )
}

function requestOf(req: IncomingMessage): Request {
  const headers = Object.entries(req.headers).map(([name, value]): [string, string] => [name, String(value)])
  const init = { method: req.method ?? 'GET', headers, body: Readable.toWeb(req), duplex: 'half' }
  return new Request('http://localhost/', init as RequestInit) // Node's web streams have types of their own
}

describe.each([
  ['Hono', withHono],
  ['a Next.js route handler', withRouteHandler],
])('%s', (host, start) => {
  let server: Served

  beforeEach(async () => {
    premises = new Premises()
    rules = {}
    outcomes = []
    onOutcome = () => {}
    server = await start()
  })

  afterEach(() => premises.leave(server))

  const clip = readFileSync(media('clip.mov'))

  test(`${host} receives a form`, async () => {
    rules = { accept: fileRules.video }
    const response = await post(server.url, multipart([field('a', '1'), file('f', 'clip.mov', clip)]))
    expect(await response.json()).toEqual({
      fields: { a: '1' },
      files: [{ originalName: 'clip.mov', bytes: clip.length }],
    })
  })

  test(`${host} receives a raw body`, async () => {
    const { createHash } = await import('node:crypto')
    expect(await curl('-T', media('clip.mov'), server.url)).toMatchObject({
      status: 200,
      out: createHash('md5').update(clip).digest('hex'),
    })
  })

  test.each<[string, FormOptions, Buffer, string, string]>([
    [
      'a disguised file',
      { accept: fileRules.video },
      multipart([file('f', 'a.mkv', readFileSync(media('disguised-elf.mkv')))]),
      FORM_TYPE,
      '415 ERR_TEMP_TYPE_REJECTED',
    ],
    [
      'a disguised file with 8 MB to come',
      { accept: fileRules.video },
      multipart([file('f', 'a.mkv', Buffer.alloc(8_000_000))]),
      FORM_TYPE,
      '415 ERR_TEMP_TYPE_REJECTED',
    ],
    [
      'a file over its limit',
      { maxFileBytes: 10 },
      multipart([file('f', 'a', 'x'.repeat(11))]),
      FORM_TYPE,
      '413 ERR_TEMP_TOO_LARGE',
    ],
    ['a truncated form', {}, multipart([file('f', 'a', 'x')], false), FORM_TYPE, '400 ERR_TEMP_TRUNCATED'],
    ['a body that is not a form', {}, Buffer.from('x'), 'text/plain', '400 ERR_TEMP_FORM_INVALID'],
  ])(`${host} refuses %s, and the client reads why`, async (_, given, body, type, expected) => {
    rules = given
    const response = await post(server.url, body, { 'content-type': type })
    expect(`${response.status} ${await response.text()}`).toBe(expected)
  })

  test(`${host} leaves nothing of a client that goes away`, async () => {
    const settled = new Promise<void>((resolve) => {
      onOutcome = resolve
    })
    const body = multipart([field('a', '1'), file('f', 'a.bin', Buffer.alloc(300_000))])
    const socket = await halfPost(server.port, '/', body, 150_000)
    await once(server.server, 'request')
    await expect.poll(() => premises.left().length).toBe(1)
    socket.destroy()
    await settled
    expect(outcomes).toEqual(['ERR_TEMP_ABORTED'])
  })

  test(`${host} ends an upload when its signal aborts`, async () => {
    const controller = new AbortController()
    rules = { signal: controller.signal }
    const body = multipart([file('f', 'a.bin', Buffer.alloc(300_000))])
    const socket = await halfPost(server.port, '/', body, 150_000)
    await expect.poll(() => premises.left().length).toBe(1)
    controller.abort()
    const [answer] = await once(socket, 'data')
    expect(String(answer)).toContain('499')
    socket.destroy()
  })
})

describe('requests made by hand', () => {
  beforeEach(() => {
    premises = new Premises()
    rules = {}
    outcomes = []
    onOutcome = () => {}
  })

  afterEach(async () => {
    await premises.expectNothingOpen()
    await premises.close()
  })

  test('a Request made by hand with FormData is received as a form', async () => {
    const body = new FormData()
    body.set('who', 'Ada')
    body.set('f', new Blob(['abc']), 'naïve.txt')
    const response = await POST(new Request('http://localhost/', { method: 'POST', body }))
    expect(await response.json()).toEqual({
      fields: { who: 'Ada' },
      files: [{ originalName: 'naïve.txt', bytes: 3 }],
    })
  })

  test('a Request that was read before is refused as the program’s mistake', async () => {
    const request = new Request('http://localhost/', { method: 'POST', body: new FormData() })
    await request.text()
    await expect(receiveForm(request, premises.manager)).rejects.toMatchObject({
      code: 'ERR_TEMP_OPTION_INVALID',
    })
  })

  test('a Request without a body is refused as a form and received as an empty file', async () => {
    const request = (): Request =>
      new Request('http://localhost/', { method: 'POST', headers: { 'content-type': FORM_TYPE } })
    await expect(receiveForm(request(), premises.manager)).rejects.toMatchObject({
      code: 'ERR_TEMP_FORM_INVALID',
    })
    await using body = await receiveBody(
      new Request('http://localhost/', { method: 'PUT' }),
      premises.manager,
    )
    expect(body.bytes).toBe(0)
  })
})

describe('signals of requests', () => {
  beforeEach(() => {
    premises = new Premises()
  })

  afterEach(async () => {
    await premises.expectNothingLeft()
    await premises.close()
  })

  /** A Request whose body begins and never ends, as of a client that hangs. */
  const endless = (signal: AbortSignal): Request => {
    const body = new ReadableStream<Uint8Array>({
      start: (controller) =>
        controller.enqueue(
          Buffer.from('--b\r\ncontent-disposition: form-data; name="f"; filename="f"\r\n\r\nx'),
        ),
    })
    const headers = { 'content-type': 'multipart/form-data; boundary=b' }
    return new Request('http://localhost/', {
      method: 'POST',
      headers,
      body,
      duplex: 'half',
      signal,
    } as RequestInit)
  }

  test.each<[string, (request: Request) => Promise<unknown>]>([
    ['receiveForm', (request) => receiveForm(request, premises.manager)],
    [
      'receiveBody',
      (request) => {
        request.headers.set('content-type', 'text/plain')
        return receiveBody(request, premises.manager, { signal: new AbortController().signal })
      },
    ],
  ])('the signal of a Request ends %s, before and during it', async (_, receive) => {
    await expect(receive(endless(AbortSignal.abort()))).rejects.toMatchObject({ code: 'ERR_TEMP_ABORTED' })
    const leaving = new AbortController()
    const receiving = receive(endless(leaving.signal))
    leaving.abort()
    await expect(receiving).rejects.toMatchObject({ code: 'ERR_TEMP_ABORTED' })
  })
})
