import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { connect } from 'node:net'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { type BodyOptions, receiveBody, type UploadedFile } from '../../../src/http/index.ts'
import { fileRules } from '../../../src/index.ts'
import { curl, FORM_TYPE } from '../clients.ts'
import { media, Premises, type Served, serve, tellWhy } from '../premises.ts'

const clip = readFileSync(media('clip.webm'))

let premises: Premises
let server: Served
let rules: BodyOptions
let seen: UploadedFile | undefined

beforeEach(async () => {
  premises = new Premises()
  rules = {}
  seen = undefined
  server = await serve(async (req, res) => {
    try {
      await using body = await receiveBody(req, premises.manager, rules)
      seen = body
      res.end(
        createHash('sha256')
          .update(await readFile(body.path))
          .digest('hex'),
      )
    } catch (error) {
      tellWhy(res, error)
    }
  })
})

afterEach(() => premises.leave(server))

async function put(
  body: Uint8Array<ArrayBuffer> | string,
  headers: Record<string, string> = {},
): Promise<string> {
  const response = await fetch(server.url, { method: 'PUT', body, headers })
  return `${response.status} ${await response.text()}`
}

describe('raw bodies', () => {
  test('a raw body becomes a file, with its digest, its names and its types', async () => {
    rules = { accept: fileRules.video, hash: 'sha256' }
    const digest = createHash('sha256').update(clip).digest('hex')
    expect(
      await put(new Uint8Array(clip), {
        'content-type': 'video/webm; codecs=vp9',
        'content-disposition': `attachment; filename*=UTF-8''caf%C3%A9.webm`,
      }),
    ).toBe(`200 ${digest}`)
    expect(seen).toMatchObject({
      fieldName: '',
      originalName: 'café.webm',
      declaredType: 'video/webm',
      detectedType: 'video/webm',
      bytes: clip.length,
      digest,
    })
    expect(seen?.name).toMatch(/\.webm$/)
  })

  test('the program may give a raw body its file name and its prefix', async () => {
    rules = { fileName: '../x/report.PDF', prefix: 'in-' }
    await put('x')
    expect(seen).toMatchObject({ originalName: 'report.PDF', name: expect.stringMatching(/^in-.*\.pdf$/) })
  })

  test('an empty raw body without a name becomes an empty file', async () => {
    expect(await put('')).toMatch(/^200 e3b0c442/)
    expect(seen).toMatchObject({ originalName: 'file', bytes: 0 })
  })

  test('a raw body is received from curl by PUT, chunked, and after Expect: 100-continue', async () => {
    const digest = createHash('sha256').update(clip).digest('hex')
    for (const extra of [[], ['-H', 'Transfer-Encoding: chunked'], ['-H', 'Expect: 100-continue']]) {
      expect(await curl('-T', media('clip.webm'), server.url, ...extra)).toMatchObject({
        status: 200,
        out: digest,
      })
    }
  })

  test('a raw body reports progress with the announced total', async () => {
    const reported: unknown[] = []
    rules = { onProgress: (progress) => reported.push(progress) }
    await put('hello')
    expect(reported.at(-1)).toEqual({ bytes: 5, total: 5 })
  })
})

describe('refused bodies', () => {
  test.each<[string, BodyOptions, string, Record<string, string>, string]>([
    ['too large', { maxBytes: 3 }, 'four', {}, '413 ERR_TEMP_TOO_LARGE'],
    ['too large by its rules', { accept: { maxBytes: 3 } }, 'four', {}, '413 ERR_TEMP_TOO_LARGE'],
    ['too small', { accept: { minBytes: 5 } }, 'four', {}, '422 ERR_TEMP_TOO_SMALL'],
    [
      'of a wrong declared type',
      { accept: fileRules.pdf },
      'x',
      { 'content-type': 'image/png' },
      '415 ERR_TEMP_TYPE_REJECTED',
    ],
    ['of a wrong name', { accept: fileRules.pdf, fileName: 'a.exe' }, 'x', {}, '415 ERR_TEMP_TYPE_REJECTED'],
    [
      'of a wrong content',
      { accept: fileRules.pdf, fileName: 'a.pdf' },
      'x',
      {},
      '415 ERR_TEMP_TYPE_REJECTED',
    ],
    ['a form', {}, 'x', { 'content-type': FORM_TYPE }, '400 ERR_TEMP_FORM_INVALID'],
  ])('a raw body that is %s is refused', async (_, given, body, headers, expected) => {
    rules = given
    expect(await put(body, headers)).toBe(expected)
  })

  test('a raw body without a Content-Length is refused as soon as it is over the limit', async () => {
    rules = { maxBytes: 1_000_000 }
    const socket = connect(server.port, '127.0.0.1')
    socket.write('PUT / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n')
    const piece = `10000\r\n${'x'.repeat(65_536)}\r\n`
    for (let i = 0; i < 17; i += 1) socket.write(piece)
    const [answer] = await once(socket, 'data')
    expect(String(answer)).toContain('413')
    socket.destroy()
  })

  test('a raw body that was read before is refused, and the error names the parsers that do that', async () => {
    server.server.removeAllListeners('request')
    const result = new Promise<unknown>((resolve) => {
      server.server.on('request', (req, res) => {
        req.resume().on('end', () =>
          receiveBody(req, premises.manager)
            .catch(resolve)
            .finally(() => res.end()),
        )
      })
    })
    await put('x')
    expect(await result).toMatchObject({
      code: 'ERR_TEMP_OPTION_INVALID',
      message: expect.stringContaining('express.json'),
    })
  })
})
