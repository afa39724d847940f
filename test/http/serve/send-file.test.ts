import { randomBytes } from 'node:crypto'
import { existsSync } from 'node:fs'
import { readFile, truncate, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { Transform } from 'node:stream'
import { describe, expect, test } from 'vitest'
import { receiveForm, type SendOptions, sendFile } from '../../../src/http/index.ts'
import { curl, file, multipart, post } from '../clients.ts'
import { serve } from '../premises.ts'
import { content, sending } from './sending.ts'

const here = sending()

describe('sent files', () => {
  test('a file is sent whole, with its length, a strong ETag, no caching and no guessing', async () => {
    const { status, headers, body } = await here.get()
    expect(status).toBe(200)
    expect(body).toEqual(content)
    expect(Object.fromEntries(headers)).toMatchObject({
      'content-length': '100000',
      'content-type': 'application/octet-stream',
      'content-disposition': `attachment; filename="${here.sent.name}"`,
      'cache-control': 'private, no-store',
      'accept-ranges': 'bytes',
      'x-content-type-options': 'nosniff',
      'last-modified': expect.anything(),
      etag: expect.stringMatching(/^"[^"]+"$/),
    })
    expect(await here.outcome).toEqual({ status: 200, bytes: 100_000, fullySent: true, removed: false })
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
  ])(
    '%s: a request with Range: %s is answered with status %i',
    async (_, range, status, contentRange, slice) => {
      const { status: got, headers, body } = await here.get({ range })
      expect([got, headers.get('content-range')]).toEqual([status, contentRange])
      expect(body).toEqual(slice === undefined ? Buffer.alloc(0) : content.subarray(...slice))
    },
  )

  test('a file is not sent to a client that has it: If-None-Match with one, several, weak and any tags', async () => {
    const etag = (await here.get()).headers.get('etag') ?? ''
    for (const condition of [etag, `"other", ${etag}`, `W/${etag}`, '*']) {
      const { status, headers, body } = await here.get({ 'if-none-match': condition })
      expect([status, headers.get('etag'), body.length]).toEqual([304, etag, 0])
      expect(headers.get('content-disposition')).toBeNull()
    }
    expect((await here.get({ 'if-none-match': '"other"' })).status).toBe(200)
  })

  test('a file is not sent if the condition of If-Match fails', async () => {
    const etag = (await here.get()).headers.get('etag') ?? ''
    expect((await here.get({ 'if-match': '"other"' })).status).toBe(412)
    expect((await here.get({ 'if-match': `W/${etag}` })).status).toBe(412)
    expect((await here.get({ 'if-match': etag })).status).toBe(200)
  })

  test('a file with If-Range is sent in part only if it is still the same', async () => {
    const etag = (await here.get()).headers.get('etag') ?? ''
    expect((await here.get({ range: 'bytes=0-1', 'if-range': etag })).status).toBe(206)
    expect((await here.get({ range: 'bytes=0-1', 'if-range': `W/${etag}` })).status).toBe(200)
    expect((await here.get({ range: 'bytes=0-1', 'if-range': '"other"' })).status).toBe(200)
    await writeFile(here.sent.path, randomBytes(100_000))
    expect((await here.get({ range: 'bytes=0-1', 'if-range': etag })).status).toBe(200)
  })

  test('HEAD is answered with the head of a file alone, with the length of the whole', async () => {
    const { status, headers, body } = await here.get({}, 'HEAD')
    expect([status, headers.get('content-length'), body.length]).toEqual([200, '100000', 0])
    expect(await here.outcome).toEqual({ status: 200, bytes: 0, fullySent: true, removed: false })
  })

  test('an empty file is sent with a length of 0', async () => {
    await truncate(here.sent.path, 0)
    const { status, headers } = await here.get()
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
  ])('sendFile derives the headers of a response from its options: %s', async (_, given, expected) => {
    here.options = given
    expect(Object.fromEntries((await here.get()).headers)).toMatchObject(expected)
  })

  test('a file is sent without Cache-Control where the program asks for that', async () => {
    here.options = { cacheControl: false }
    expect((await here.get()).headers.get('cache-control')).toBeNull()
  })

  test('a file is sent by its path alone, also one with percent signs, dots and spaces', async () => {
    const path = join(here.premises.directory, '.a %2e%2e b')
    await writeFile(path, 'here')
    here.entry = { path }
    expect(String((await here.get()).body)).toBe('here')
  })

  test('a file is sent to the end although it is removed meanwhile', async () => {
    const big = randomBytes(20 * 1024 * 1024)
    await using file = await here.premises.manager.receive(big)
    here.entry = file
    const response = await fetch(here.server.url)
    await file.remove()
    expect(Buffer.from(await response.arrayBuffer()).equals(big)).toBe(true)
  })

  test('a file is sent to curl, which resumes where it was cut off', async () => {
    const path = join(here.premises.directory, 'download')
    await writeFile(path, content.subarray(0, 40_000))
    expect((await curl('-C', '-', '-o', path, here.server.url)).status).toBe(206)
    expect(await readFile(path)).toEqual(content)
    expect((await curl('-r', '5-9', here.server.url)).out).toBe(content.subarray(5, 10).toString('latin1'))
    expect(await curl('-I', here.server.url)).toMatchObject({ status: 200 })
    expect(await curl('-r', '100000-', here.server.url)).toMatchObject({ status: 416 })
  })

  test('a file is sent with one drain listener where middleware moves such listeners to its own stream', async () => {
    await writeFile(here.sent.path, Buffer.alloc(4_000_000))
    // As `compression` does, which cannot remove them.
    const own = new Transform({ transform: (chunk, _, done) => void setImmediate(done, null, chunk) })
    const server = await serve((req, res) => {
      const { on, write, end } = res
      own.on('data', (chunk) => write.call(res, chunk, 'utf8')).on('end', () => end.call(res, null, 'utf8'))
      Object.assign(res, {
        write: own.write.bind(own),
        end: own.end.bind(own),
        on: (type: string, listener: () => void) =>
          type === 'drain' ? own.on(type, listener) : on.call(res, type, listener),
      })
      void sendFile(req, res, here.sent)
    })
    const body = await (await fetch(server.url)).arrayBuffer()
    expect(body.byteLength).toBe(4_000_000)
    expect(own.listenerCount('drain')).toBeLessThan(2)
    await server.close()
  })

  test('a file of a form is sent under the name that its client gave it', async () => {
    const forms = await serve(async (req, res) => {
      await using form = await receiveForm(req, here.premises.manager)
      const [first] = form.files
      if (first !== undefined) await sendFile(req, res, first)
    })
    const response = await post(forms.url, multipart([file('f', 'my report.pdf', 'x')]))
    expect(response.headers.get('content-disposition')).toBe('attachment; filename="my report.pdf"')
    await response.text()
    await forms.close()
  })
})

describe('files that cannot be sent', () => {
  test('sendFile of a removed file rejects with status 410, and the program answers', async () => {
    await here.sent.remove()
    expect((await here.get()).status).toBe(410)
  })

  test('sendFile of a path without a file rejects with status 410, and the program answers', async () => {
    here.entry = { path: join(here.premises.directory, 'nothing') }
    expect((await here.get()).status).toBe(410)
  })

  test('sendFile of a directory rejects with ERR_TEMP_OPTION_INVALID, and the program answers', async () => {
    here.entry = { path: here.premises.directory }
    expect((await here.get()).status).toBe(500)
    expect(await here.outcome).toEqual({ code: 'ERR_TEMP_OPTION_INVALID' })
  })

  test('sendFile refuses to remove a plain path, the program answers, and the file stays', async () => {
    here.entry = { path: here.sent.path }
    here.options = { remove: 'after-response' }
    expect((await here.get()).status).toBe(500)
    expect(existsSync(here.sent.path)).toBe(true)
  })
})
