import { createHash, randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { readFile, truncate, writeFile } from 'node:fs/promises'
import { Agent, request as httpRequest } from 'node:http'
import { connect } from 'node:net'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import {
  receiveForm,
  type Sendable,
  type SendOptions,
  type SendResult,
  sendTemp,
} from '../../src/http/index.ts'
import { isTempFileError, type ReceivedFile } from '../../src/index.ts'
import { curl, file, multipart, post } from './clients.ts'
import { Premises, type Served, serve } from './premises.ts'

const content = randomBytes(100_000)

let premises: Premises
let server: Served
let sent: ReceivedFile
let entry: Sendable
let options: SendOptions
let outcome: Promise<SendResult | { code: string }>

beforeEach(async () => {
  premises = new Premises()
  sent = await premises.manager.receive(content, { suffix: '.bin' })
  entry = sent
  options = {}
  let settle: (outcome: SendResult | { code: string }) => void
  outcome = new Promise((resolve) => {
    settle = resolve
  })
  server = await serve(async (req, res) => {
    try {
      settle(await sendTemp(req, res, entry, options))
    } catch (error) {
      const code = isTempFileError(error) ? error.code : String(error)
      settle({ code })
      if (!res.headersSent) res.writeHead(isTempFileError(error) ? error.status : 500).end(code)
    }
  })
})

afterEach(async () => {
  await sent.remove()
  await premises.expectNothingLeft()
  await server.close()
  await premises.expectNothingOpen()
  await premises.close()
})

async function get(
  headers: Record<string, string> = {},
  method = 'GET',
): Promise<{ status: number; headers: Headers; body: Buffer }> {
  const response = await fetch(server.url, { headers, method })
  return {
    status: response.status,
    headers: response.headers,
    body: Buffer.from(await response.arrayBuffer()),
  }
}

describe('a file is sent', () => {
  test('whole, with its length, a strong ETag, no caching and no guessing', async () => {
    const { status, headers, body } = await get()
    expect(status).toBe(200)
    expect(body).toEqual(content)
    expect(Object.fromEntries(headers)).toMatchObject({
      'content-length': '100000',
      'content-type': 'application/octet-stream',
      'content-disposition': `attachment; filename="${sent.name}"`,
      'cache-control': 'private, no-store',
      'accept-ranges': 'bytes',
      'x-content-type-options': 'nosniff',
      'last-modified': expect.anything(),
      etag: expect.stringMatching(/^"[^"]+"$/),
    })
    expect(await outcome).toEqual({ status: 200, bytes: 100_000, complete: true, removed: false })
  })

  test.each<[string, string, number, string | null, [number, number] | undefined]>([
    ['the first bytes', 'bytes=0-99', 206, 'bytes 0-99/100000', [0, 100]],
    ['from the middle', 'bytes=99000-', 206, 'bytes 99000-99999/100000', [99_000, 100_000]],
    ['the last bytes', 'bytes=-10', 206, 'bytes 99990-99999/100000', [99_990, 100_000]],
    ['more than there is', 'bytes=99990-200000', 206, 'bytes 99990-99999/100000', [99_990, 100_000]],
    ['beyond the end', 'bytes=100000-', 416, 'bytes */100000', undefined],
    ['several ranges', 'bytes=0-1,5-6', 200, null, [0, 100_000]],
    ['no bytes', 'lines=1-2', 200, null, [0, 100_000]],
    ['nonsense', 'bytes=x-y', 200, null, [0, 100_000]],
  ])('in part: %s', async (_, range, status, contentRange, slice) => {
    const { status: got, headers, body } = await get({ range })
    expect([got, headers.get('content-range')]).toEqual([status, contentRange])
    expect(body).toEqual(slice === undefined ? Buffer.alloc(0) : content.subarray(...slice))
  })

  test('not again if the client has it: If-None-Match with one, several, weak and any tags', async () => {
    const etag = (await get()).headers.get('etag') ?? ''
    for (const condition of [etag, `"other", ${etag}`, `W/${etag}`, '*']) {
      const { status, headers, body } = await get({ 'if-none-match': condition })
      expect([status, headers.get('etag'), body.length]).toEqual([304, etag, 0])
      expect(headers.get('content-disposition')).toBeNull()
    }
    expect((await get({ 'if-none-match': '"other"' })).status).toBe(200)
  })

  test('not at all if the condition of If-Match fails', async () => {
    const etag = (await get()).headers.get('etag') ?? ''
    expect((await get({ 'if-match': '"other"' })).status).toBe(412)
    expect((await get({ 'if-match': `W/${etag}` })).status).toBe(412)
    expect((await get({ 'if-match': etag })).status).toBe(200)
  })

  test('in part only if it is still the same: If-Range', async () => {
    const etag = (await get()).headers.get('etag') ?? ''
    expect((await get({ range: 'bytes=0-1', 'if-range': etag })).status).toBe(206)
    expect((await get({ range: 'bytes=0-1', 'if-range': `W/${etag}` })).status).toBe(200)
    expect((await get({ range: 'bytes=0-1', 'if-range': '"other"' })).status).toBe(200)
    await writeFile(sent.path, randomBytes(100_000))
    expect((await get({ range: 'bytes=0-1', 'if-range': etag })).status).toBe(200)
  })

  test('only its head for HEAD, with the length of the whole', async () => {
    const { status, headers, body } = await get({}, 'HEAD')
    expect([status, headers.get('content-length'), body.length]).toEqual([200, '100000', 0])
    expect(await outcome).toEqual({ status: 200, bytes: 0, complete: true, removed: false })
  })

  test('when it is empty', async () => {
    await truncate(sent.path, 0)
    const { status, headers } = await get()
    expect([status, headers.get('content-length')]).toEqual([200, '0'])
  })

  test.each<[string, SendOptions, Record<string, string>]>([
    [
      'a name and the type that goes with it',
      { fileName: 'invoice.pdf' },
      { 'content-disposition': 'attachment; filename="invoice.pdf"', 'content-type': 'application/pdf' },
    ],
    ['text with its charset', { fileName: 'a.csv' }, { 'content-type': 'text/csv; charset=utf-8' }],
    [
      'a name in another script',
      { fileName: 'счёт €.pdf' },
      {
        'content-disposition': `attachment; filename="???? ?.pdf"; filename*=UTF-8''%D1%81%D1%87%D1%91%D1%82%20%E2%82%AC.pdf`,
      },
    ],
    [
      'a name that would be a header',
      { fileName: 'a"\r\nSet-Cookie: x=1\r\n.pdf' },
      { 'content-disposition': 'attachment; filename="a_Set-Cookie_ x=1.pdf"' },
    ],
    ['a path', { fileName: '../../etc/passwd' }, { 'content-disposition': 'attachment; filename="passwd"' }],
    [
      'inline',
      { fileName: 'a.png', disposition: 'inline' },
      { 'content-disposition': 'inline; filename="a.png"' },
    ],
    ['a type of the program’s choice', { type: 'text/x-mine' }, { 'content-type': 'text/x-mine' }],
    [
      'caching of the program’s choice',
      { cacheControl: 'public, max-age=60' },
      { 'cache-control': 'public, max-age=60' },
    ],
    ['further headers', { headers: { 'x-mine': '1', 'content-type': 'a/b' } }, { 'x-mine': '1' }],
  ])('with %s', async (_, given, expected) => {
    options = given
    expect(Object.fromEntries((await get()).headers)).toMatchObject(expected)
  })

  test('without Cache-Control where the program says so', async () => {
    options = { cacheControl: false }
    expect((await get()).headers.get('cache-control')).toBeNull()
  })

  test('by its path alone, also one with percent signs, dots and spaces', async () => {
    const path = join(premises.directory, '.a %2e%2e b')
    await writeFile(path, 'here')
    entry = { path }
    expect(String((await get()).body)).toBe('here')
  })

  test('to the end although it is removed meanwhile', async () => {
    const big = randomBytes(20 * 1024 * 1024)
    await using file = await premises.manager.receive(big)
    entry = file
    const response = await fetch(server.url)
    await file.remove()
    expect(Buffer.from(await response.arrayBuffer()).equals(big)).toBe(true)
  })

  test('to curl, which resumes where it was cut off', async () => {
    const path = join(premises.directory, 'download')
    await writeFile(path, content.subarray(0, 40_000))
    expect((await curl('-C', '-', '-o', path, server.url)).status).toBe(206)
    expect(await readFile(path)).toEqual(content)
    expect((await curl('-r', '5-9', server.url)).out).toBe(content.subarray(5, 10).toString('latin1'))
    expect(await curl('-I', server.url)).toMatchObject({ status: 200 })
    expect(await curl('-r', '100000-', server.url)).toMatchObject({ status: 416 })
  })

  test('under the name its client gave it', async () => {
    const forms = await serve(async (req, res) => {
      await using form = await receiveForm(req, premises.manager)
      const [first] = form.files
      if (first !== undefined) await sendTemp(req, res, first)
    })
    const response = await post(forms.url, multipart([file('f', 'my report.pdf', 'x')]))
    expect(response.headers.get('content-disposition')).toBe('attachment; filename="my report.pdf"')
    await response.text()
    await forms.close()
  })
})

describe('a file that cannot be sent is the program’s to answer for', () => {
  test('removed', async () => {
    await sent.remove()
    expect((await get()).status).toBe(410)
  })

  test('a path where nothing is', async () => {
    entry = { path: join(premises.directory, 'nothing') }
    expect((await get()).status).toBe(410)
  })

  test('a directory', async () => {
    entry = { path: premises.directory }
    expect((await get()).status).toBe(500)
    expect(await outcome).toEqual({ code: 'ERR_TEMP_OPTION_INVALID' })
  })

  test('a plain path that should be removed', async () => {
    entry = { path: sent.path }
    options = { remove: 'after-response' }
    expect((await get()).status).toBe(500)
    expect(existsSync(sent.path)).toBe(true)
  })
})

describe('the file is removed', () => {
  const range = { range: 'bytes=0-10' }
  test.each<[SendOptions['remove'], string, Record<string, string>, number, boolean]>([
    ['after-full-body', 'GET', {}, 200, true],
    ['after-full-body', 'GET', { range: 'bytes=0-1,3-4' }, 200, true],
    ['after-full-body', 'HEAD', {}, 200, false],
    ['after-full-body', 'GET', range, 206, false],
    ['after-full-body', 'GET', { range: 'bytes=0-' }, 206, false],
    ['after-full-body', 'GET', { range: 'bytes=100000-' }, 416, false],
    ['after-full-body', 'GET', { 'if-none-match': '*' }, 304, false],
    ['after-full-body', 'GET', { 'if-match': '"x"' }, 412, false],
    ['after-full-body', 'POST', {}, 200, false],
    ['after-response', 'GET', range, 206, true],
    ['after-response', 'HEAD', {}, 200, true],
    ['never', 'GET', {}, 200, false],
  ])('%s: %s %o answered %i: %s', async (remove, method, headers, status, removed) => {
    options = { remove }
    expect((await get(headers, method)).status).toBe(status)
    expect(await outcome).toMatchObject({ status, complete: true, removed })
    expect(existsSync(sent.path)).toBe(!removed)
  })

  test.each<[SendOptions['remove'], boolean]>([
    ['after-full-body', false],
    ['after-response', true],
  ])('%s, when the client goes away in the middle: %s', async (remove, removed) => {
    await using big = await premises.manager.receive(Buffer.alloc(50 * 1024 * 1024))
    entry = big
    options = { remove }
    const request = httpRequest({ port: server.port, host: '127.0.0.1' }).end()
    const [response] = await once(request, 'response')
    await once(response, 'data')
    request.destroy()
    expect(await outcome).toMatchObject({ status: 200, complete: false, removed })
    expect(existsSync(big.path)).toBe(!removed)
  })

  test.each(['destroy', 'resetAndDestroy'] as const)(
    'not after a full body that the client leaves unread (%s)',
    async (how) => {
      options = { remove: 'after-full-body' }
      const written = new Promise<void>((resolve) => {
        server.server.on('request', (_req, res) => res.once('finish', resolve))
      })
      const socket = connect(server.port, '127.0.0.1', () =>
        socket.write('GET / HTTP/1.1\r\nHost: x\r\n\r\n'),
      )
      socket.pause()
      await written
      await new Promise((resolve) => socket.once('readable', resolve)) // it has come, and is not read
      socket[how]()
      expect(await outcome).toMatchObject({ status: 200, removed: false })
      expect(existsSync(sent.path)).toBe(true)
    },
  )

  test.each<[string, () => Promise<unknown>]>([
    ['curl', () => curl(server.url)],
    ['curl with HTTP/1.0', () => curl('-0', server.url)],
    ['fetch', () => get()],
    ['http.request that keeps its connections', () => kept()],
  ])('after a full body that %s has read, for good', async (_, download) => {
    options = { remove: 'after-full-body' }
    await download()
    expect(await outcome).toMatchObject({ status: 200, complete: true, removed: true })
  })

  async function kept(): Promise<void> {
    const agent = new Agent({ keepAlive: true })
    const [response] = await once(
      httpRequest({ port: server.port, host: '127.0.0.1', agent }).end(),
      'response',
    )
    response.resume()
    await once(response, 'end')
    agent.destroy()
  }

  test('never, when the client has gone before the answer begins', async () => {
    options = { remove: 'after-full-body' }
    server.server.removeAllListeners('request')
    const result = new Promise<SendResult>((resolve) => {
      server.server.on('request', (req, res) => {
        res.once('close', () => void sendTemp(req, res, entry, options).then(resolve))
      })
    })
    const socket = connect(server.port, '127.0.0.1', () => socket.write('GET / HTTP/1.1\r\nHost: x\r\n\r\n'))
    await once(server.server, 'request')
    socket.destroy()
    expect(await result).toEqual({ status: 200, bytes: 0, complete: false, removed: false })
  })

  test('of a claim: the handoff is completed', async () => {
    const ticket = await sent.handOff()
    const claim = await premises.manager.claim(ticket)
    if (claim.kind !== 'file') throw new Error('a file was handed off')
    entry = claim
    options = { remove: 'after-full-body' }
    expect(
      createHash('md5')
        .update((await get()).body)
        .digest('hex'),
    ).toBe(createHash('md5').update(content).digest('hex'))
    expect(await outcome).toMatchObject({ removed: true })
    await expect(premises.manager.inspect(ticket)).rejects.toMatchObject({ code: 'ERR_TEMP_HANDOFF_GONE' })
  })
})
