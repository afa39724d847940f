import { createHash } from 'node:crypto'
import { getEventListeners } from 'node:events'
import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { BOUNDARY, curl, field, file, halfPost, multipart } from '../clients.ts'
import { media } from '../premises.ts'
import { formServer } from './form-server.ts'

const here = formServer()

describe('received forms', () => {
  test('a form returns its fields and files in any order', async () => {
    const { fields, files } = await here.received([
      file('first', 'a.txt', 'AAA', 'text/plain'),
      field('title', 'Grüße'),
      file('second', 'b.bin', 'BB'),
      field('last', ''),
    ])
    expect(fields).toEqual({ title: 'Grüße', last: '' })
    expect(files).toMatchObject([
      {
        fieldName: 'first',
        originalName: 'a.txt',
        declaredType: 'text/plain',
        bytes: 3,
        content: 'AAA',
        suffix: '.txt',
      },
      { fieldName: 'second', originalName: 'b.bin', bytes: 2, content: 'BB' },
    ])
    expect(here.listeners()).toEqual({})
  })

  test('a form keeps nested names as sent, and a name that comes twice as a list', async () => {
    const { fields } = await here.received([
      field('a[b][0]', '1'),
      field('a[b][0]', '2'),
      field('a[b][0]', '3'),
      field('c.d', 'x'),
    ])
    expect(fields).toEqual({ 'a[b][0]': ['1', '2', '3'], 'c.d': 'x' })
  })

  test('a form treats __proto__ and constructor as names like any other', async () => {
    await here.received([field('__proto__', 'x'), field('constructor', 'y')])
    const { fields } = here.form ?? {}
    expect(Object.getPrototypeOf(fields)).toBeNull()
    expect(Object.entries(fields ?? {})).toEqual([
      ['__proto__', 'x'],
      ['constructor', 'y'],
    ])
    expect(({} as { x?: unknown }).x).toBeUndefined()
  })

  test.each([
    ['UTF-8', 'filename="Überblick 日本.pdf"', 'Überblick 日本.pdf', '.pdf'],
    ['RFC 5987', `filename="x.pdf"; filename*=UTF-8''%E2%82%AC%20rates.PDF`, '€ rates.PDF', '.pdf'],
    ['RFC 5987 in latin1', `filename*=iso-8859-1'en'%A3.txt`, '£.txt', '.txt'],
    ['a path', 'filename="../../etc/passwd"', 'passwd', ''],
    ['a Windows path', 'filename="C:\\\\temp\\\\a.txt"', 'a.txt', '.txt'],
    ['escaped quotes', 'filename="a\\"b\\".txt"', 'a_b_.txt', '.txt'],
    ['a bidi disguise', 'filename="cod\u202egpj.exe"', 'codgpj.exe', '.exe'],
    ['an unsafe extension', 'filename="a.b c"', 'a.b c', ''],
    ['no quotes', 'filename=plain.txt', 'plain.txt', '.txt'],
  ])('a form shows a file name made safe: %s', async (_, disposition, originalName, suffix) => {
    const head = `Content-Disposition: form-data; name="f"; ${disposition}`
    const { files } = await here.received([{ head, body: 'x' }])
    expect(files).toMatchObject([{ originalName, suffix, content: 'x' }])
  })

  test('a form holds bytes without a name as a file, and no file for a file input left empty', async () => {
    const { files } = await here.received([
      {
        head: 'Content-Disposition: form-data; name="raw"\r\nContent-Type: application/octet-stream',
        body: 'x',
      },
      file('empty', '', ''),
    ])
    expect(files).toMatchObject([{ fieldName: 'raw', originalName: 'file', bytes: 1 }])
  })

  test('the text of a form is read in its declared charset, and bytes that are not text do not fail', async () => {
    const head = 'Content-Disposition: form-data; name="t"\r\nContent-Type: text/plain; charset=iso-8859-1'
    const { fields } = await here.received([
      { head, body: Buffer.from([0xe9]) },
      { head: head.replace('"t"', '"u"').replace(/iso.*/, 'nonsense'), body: Buffer.from([0xff]) },
    ])
    expect(fields).toEqual({ t: 'é', u: '\ufffd' })
  })

  test('a form may be empty, have a preamble and an epilogue, and hold text like its boundary', async () => {
    const lookalike = `a--${BOUNDARY}\r\n--${BOUNDARY.slice(0, -1)}\r\r\n--`
    const { fields } = await here.received([field('a', lookalike)])
    expect(fields).toEqual({ a: lookalike })
    expect(await here.answer(Buffer.from(`--${BOUNDARY}--\r\n`))).toBe('200 {"fields":{},"files":[]}')
    expect(
      await here.answer(
        Buffer.concat([Buffer.from('preamble\r\n'), multipart([field('a', '1')]), Buffer.from('epilogue')]),
      ),
    ).toBe('200 {"fields":{"a":"1"},"files":[]}')
  })

  test('a form that arrives byte by byte is received whole', async () => {
    const body = multipart([field('a', '1'), file('f', 'a.txt', 'abcdefghij'), field('b', '2')])
    const socket = await halfPost(here.server.port, '/', body, 0)
    let answer = ''
    socket
      .setNoDelay(true)
      .setEncoding('utf8')
      .on('data', (text) => (answer += text))
    for (const byte of body) await new Promise((resolve) => socket.write(Buffer.of(byte), resolve))
    await expect.poll(() => answer).toContain('{"fields":{"a":"1","b":"2"}')
    expect(answer).toContain('abcdefghij')
    socket.destroy()
  })

  test('receiveForm() computes digests and reports progress to the last byte', async () => {
    const reported: { bytes: number; total?: number }[] = []
    const { signal } = new AbortController()
    here.rules = { signal, hash: 'sha256', onProgress: (progress) => reported.push(progress) }
    const clip = readFileSync(media('clip.mp4'))
    const body = multipart([file('f', 'clip.mp4', clip)])
    const { files } = await here.received([file('f', 'clip.mp4', clip)])
    expect(files[0]?.['digest']).toBe(createHash('sha256').update(clip).digest('hex'))
    expect(reported.at(-1)).toEqual({ bytes: body.length, total: body.length })
    expect(getEventListeners(signal, 'abort')).toEqual([])
  })

  test('a form from curl is received, also chunked and after Expect: 100-continue', async () => {
    const form = ['-F', `f=@${media('clip.mkv')}`, '-F', 'a=1']
    for (const extra of [[], ['-H', 'Expect: 100-continue'], ['-H', 'Transfer-Encoding: chunked']]) {
      const { status, out } = await curl(here.server.url, ...form, ...extra)
      expect(status).toBe(200)
      expect(JSON.parse(out)).toMatchObject({ fields: { a: '1' }, files: [{ originalName: 'clip.mkv' }] })
    }
  })
})
