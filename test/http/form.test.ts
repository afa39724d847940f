import { createHash } from 'node:crypto'
import { getEventListeners } from 'node:events'
import { readFileSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { type Form, type FormRules, receiveForm } from '../../src/http/index.ts'
import { fileRules, isTempFileError } from '../../src/index.ts'
import { BOUNDARY, curl, FORM_TYPE, field, file, halfPost, multipart, type Part, post } from './clients.ts'
import { media, Premises, type Served, serve } from './premises.ts'

let premises: Premises
let server: Served
let rules: FormRules
let seen: { form?: Form; error?: unknown; listeners?: Record<string, number> }

beforeEach(async () => {
  premises = new Premises()
  rules = {}
  seen = {}
  server = await serve(async (req, res) => {
    const before = countListeners(req)
    try {
      await using form = await receiveForm(req, premises.manager, rules)
      seen = { form, listeners: difference(before, countListeners(req)) }
      const files = await Promise.all(
        form.files.map(async (one) => ({
          fieldName: one.fieldName,
          originalName: one.originalName,
          declaredType: one.declaredType,
          detectedType: one.detectedType,
          bytes: one.bytes,
          digest: one.digest,
          suffix: /\.[^.]*$/.exec(one.name)?.[0] ?? '',
          content: one.bytes < 1000 ? await readFile(one.path, 'utf8') : undefined,
        })),
      )
      res.end(JSON.stringify({ fields: form.fields, files }))
    } catch (error) {
      seen = { error }
      res
        .writeHead(isTempFileError(error) ? error.status : 500)
        .end(isTempFileError(error) ? error.code : String(error))
    }
  })
})

afterEach(async () => {
  await premises.expectNothingLeft()
  await server.close()
  await premises.expectNothingOpen()
  await premises.close()
})

function countListeners(emitter: NodeJS.EventEmitter): Record<string, number> {
  return Object.fromEntries(emitter.eventNames().map((name) => [String(name), emitter.listenerCount(name)]))
}

function difference(before: Record<string, number>, after: Record<string, number>): Record<string, number> {
  return Object.fromEntries(Object.entries(after).filter(([name, count]) => count !== (before[name] ?? 0)))
}

async function received(
  parts: readonly Part[],
): Promise<{ fields: Record<string, unknown>; files: Record<string, unknown>[] }> {
  const response = await post(server.url, multipart(parts))
  expect(response.status).toBe(200)
  return (await response.json()) as { fields: Record<string, unknown>; files: Record<string, unknown>[] }
}

async function refused(body: Buffer, type = FORM_TYPE): Promise<string> {
  const response = await post(server.url, body, { 'content-type': type })
  return `${response.status} ${await response.text()}`
}

describe('a form', () => {
  test('gives its fields and files whatever their order', async () => {
    const { fields, files } = await received([
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
    expect(seen.listeners).toEqual({})
  })

  test('keeps nested names as sent, and a name that comes twice as a list', async () => {
    const { fields } = await received([
      field('a[b][0]', '1'),
      field('a[b][0]', '2'),
      field('a[b][0]', '3'),
      field('c.d', 'x'),
    ])
    expect(fields).toEqual({ 'a[b][0]': ['1', '2', '3'], 'c.d': 'x' })
  })

  test('treats __proto__ and constructor as names like any other', async () => {
    await received([field('__proto__', 'x'), field('constructor', 'y')])
    const { fields } = seen.form ?? {}
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
  ])('shows a file name made safe: %s', async (_, disposition, originalName, suffix) => {
    const head = `Content-Disposition: form-data; name="f"; ${disposition}`
    const { files } = await received([{ head, body: 'x' }])
    expect(files).toMatchObject([{ originalName, suffix, content: 'x' }])
  })

  test('takes bytes without a name for a file, and a file input left empty for none', async () => {
    const { files } = await received([
      {
        head: 'Content-Disposition: form-data; name="raw"\r\nContent-Type: application/octet-stream',
        body: 'x',
      },
      file('empty', '', ''),
    ])
    expect(files).toMatchObject([{ fieldName: 'raw', originalName: 'file', bytes: 1 }])
  })

  test('reads text in its declared charset, and what is no text does not fail', async () => {
    const head = 'Content-Disposition: form-data; name="t"\r\nContent-Type: text/plain; charset=iso-8859-1'
    const { fields } = await received([
      { head, body: Buffer.from([0xe9]) },
      { head: head.replace('"t"', '"u"').replace(/iso.*/, 'nonsense'), body: Buffer.from([0xff]) },
    ])
    expect(fields).toEqual({ t: 'é', u: '\ufffd' })
  })

  test('may be empty, have a preamble and an epilogue, and hold things that look like its boundary', async () => {
    const lookalike = `a--${BOUNDARY}\r\n--${BOUNDARY.slice(0, -1)}\r\r\n--`
    const { fields } = await received([field('a', lookalike)])
    expect(fields).toEqual({ a: lookalike })
    expect(await refused(Buffer.from(`--${BOUNDARY}--\r\n`))).toBe('200 {"fields":{},"files":[]}')
    expect(
      await refused(
        Buffer.concat([Buffer.from('preamble\r\n'), multipart([field('a', '1')]), Buffer.from('epilogue')]),
      ),
    ).toBe('200 {"fields":{"a":"1"},"files":[]}')
  })

  test('arrives the same however it is cut into chunks', async () => {
    const body = multipart([field('a', '1'), file('f', 'a.txt', 'abcdefghij'), field('b', '2')])
    const socket = await halfPost(server.port, '/', body, 0)
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

  test('computes digests and reports progress to the last byte', async () => {
    const told: { bytes: number; total?: number }[] = []
    const { signal } = new AbortController()
    rules = { signal, hash: 'sha256', onProgress: (progress) => told.push(progress) }
    const clip = readFileSync(media('clip.mp4'))
    const body = multipart([file('f', 'clip.mp4', clip)])
    const { files } = await received([file('f', 'clip.mp4', clip)])
    expect(files[0]?.['digest']).toBe(createHash('sha256').update(clip).digest('hex'))
    expect(told.at(-1)).toEqual({ bytes: body.length, total: body.length })
    expect(getEventListeners(signal, 'abort')).toEqual([])
  })

  test('may come chunked, after Expect: 100-continue, and from curl', async () => {
    const form = ['-F', `f=@${media('clip.mkv')}`, '-F', 'a=1']
    for (const extra of [[], ['-H', 'Expect: 100-continue'], ['-H', 'Transfer-Encoding: chunked']]) {
      const { status, out } = await curl(server.url, ...form, ...extra)
      expect(status).toBe(200)
      expect(JSON.parse(out)).toMatchObject({ fields: { a: '1' }, files: [{ originalName: 'clip.mkv' }] })
    }
  })
})

describe('a form over a limit is refused, and nothing of it stays', () => {
  const two = [file('f', 'a.txt', 'aaaa'), file('g', 'b.txt', 'bbbb')]
  test.each<[string, FormRules, readonly Part[], string]>([
    ['too many files', { maxFiles: 1 }, two, '413 ERR_TEMP_TOO_LARGE'],
    ['a file too large', { maxFileBytes: 3 }, two, '413 ERR_TEMP_TOO_LARGE'],
    ['in all too large, known by Content-Length', { maxTotalBytes: 10 }, two, '413 ERR_TEMP_TOO_LARGE'],
    ['too many fields', { maxFields: 1 }, [field('a', ''), field('b', '')], '413 ERR_TEMP_TOO_LARGE'],
    ['a text field too large', { maxFieldBytes: 3 }, [field('a', 'abcd')], '413 ERR_TEMP_TOO_LARGE'],
    [
      'all text too large',
      { maxTextBytes: 3 },
      [field('a', 'ab'), field('b', 'cd')],
      '413 ERR_TEMP_TOO_LARGE',
    ],
    ['too many parts', { maxParts: 1 }, [field('a', ''), file('b', 'b', '')], '413 ERR_TEMP_TOO_LARGE'],
    [
      'too many header lines',
      { maxHeaderPairs: 2 },
      [{ head: 'A: 1\r\nB: 2\r\nContent-Disposition: form-data; name="a"', body: '' }],
      '400 ERR_TEMP_FORM_INVALID',
    ],
    [
      'too many files in a field',
      { fields: { f: { maxFiles: 1 } } },
      [file('f', 'a', 'x'), file('f', 'b', 'x')],
      '413 ERR_TEMP_TOO_LARGE',
    ],
    [
      'too large for its field',
      { fields: { f: { maxBytes: 2 } }, maxFileBytes: 100 },
      [file('f', 'a', 'xxx')],
      '413 ERR_TEMP_TOO_LARGE',
    ],
    [
      'a file in a field that is not listed',
      { fields: { f: {} } },
      [file('g', 'a', 'x')],
      '400 ERR_TEMP_FORM_INVALID',
    ],
    [
      'a file in a field called as a member of Object',
      { fields: { f: {} } },
      [file('constructor', 'a', 'x')],
      '400 ERR_TEMP_FORM_INVALID',
    ],
    [
      'a required file missing',
      { fields: { f: { required: true } } },
      [field('f', 'text')],
      '400 ERR_TEMP_FORM_INVALID',
    ],
    [
      'a wrong type for its field',
      { fields: { f: { accept: fileRules.pdf } } },
      [file('f', 'a.txt', 'x')],
      '415 ERR_TEMP_TYPE_REJECTED',
    ],
    ['too small', { accept: { minBytes: 5 } }, two, '422 ERR_TEMP_TOO_SMALL'],
  ])('%s', async (_, given, parts, expected) => {
    rules = given
    expect(
      await refused(
        multipart(
          [field('before', 'x'), file('before', 'before.txt', 'whole')]
            .slice(
              0,
              given.fields || given.maxFiles === 1 || given.maxParts === 1 || given.maxFields === 1 ? 0 : 2,
            )
            .concat(parts),
        ),
      ),
    ).toBe(expected)
  })

  test.each<[string, FormRules]>([
    ['maxFiles', { maxFiles: -1 }],
    ['maxTotalBytes', { maxTotalBytes: '5 potatoes' }],
    ['a field', { fields: { f: { maxFiles: 0.5 } } }],
  ])('a bad rule is refused as the program’s own fault: %s', async (_, given) => {
    rules = given
    expect(await refused(multipart([]))).toBe('500 ERR_TEMP_OPTION_INVALID')
  })

  test('what a callback throws is thrown as it is', async () => {
    rules = {
      onProgress: () => {
        throw new RangeError('mine')
      },
    }
    expect(await refused(multipart(two))).toBe('500 RangeError: mine')
  })
})

describe('a form that is broken is refused with its reason', () => {
  const body = multipart([file('f', 'a.txt', 'aaaa')])
  test.each<[string, Buffer, string, string]>([
    ['another Content-Type', body, 'application/json', '400 ERR_TEMP_FORM_INVALID'],
    ['no boundary', body, 'multipart/form-data', '400 ERR_TEMP_FORM_INVALID'],
    ['an empty boundary', body, 'multipart/form-data; boundary=""', '400 ERR_TEMP_FORM_INVALID'],
    ['another boundary', body, 'multipart/form-data; boundary=other', '400 ERR_TEMP_FORM_INVALID'],
    ['no body', Buffer.alloc(0), FORM_TYPE, '400 ERR_TEMP_FORM_INVALID'],
    [
      'no closing boundary',
      multipart([field('a', '1'), file('f', 'a.txt', 'aaaa')], false),
      FORM_TYPE,
      '400 ERR_TEMP_TRUNCATED',
    ],
    ['cut off in a header', body.subarray(0, 40), FORM_TYPE, '400 ERR_TEMP_TRUNCATED'],
    [
      'a part without Content-Disposition',
      multipart([{ head: 'X: 1', body: '' }]),
      FORM_TYPE,
      '400 ERR_TEMP_FORM_INVALID',
    ],
    [
      'a part without a name',
      multipart([{ head: 'Content-Disposition: form-data', body: '' }]),
      FORM_TYPE,
      '400 ERR_TEMP_FORM_INVALID',
    ],
    [
      'a header that never ends',
      multipart([{ head: 'Content-Disposition: form-data; name="a"; filename="b', body: '' }]),
      FORM_TYPE,
      '400 ERR_TEMP_FORM_INVALID',
    ],
    [
      'a header of 20 KB',
      multipart([{ head: `X: ${'x'.repeat(20_000)}\r\nContent-Disposition: form-data; name="a"`, body: '' }]),
      FORM_TYPE,
      '400 ERR_TEMP_FORM_INVALID',
    ],
    [
      'a part without a header',
      Buffer.from(`--${BOUNDARY}\r\n\r\n--${BOUNDARY}--\r\n`),
      FORM_TYPE,
      '400 ERR_TEMP_FORM_INVALID',
    ],
    ['a file without a name', multipart([file('f', '', 'bytes')]), FORM_TYPE, '400 ERR_TEMP_FORM_INVALID'],
  ])('%s', async (_, bytes, type, expected) => {
    expect(await refused(bytes, type)).toBe(expected)
  })

  test('compressed as a whole', async () => {
    const response = await post(server.url, body, { 'content-encoding': 'gzip' })
    expect(await response.text()).toBe('ERR_TEMP_FORM_INVALID')
  })
})

describe('a disguised file is refused while the rest is still arriving', () => {
  test.each(['disguised-elf.mkv', 'disguised-html.mp4', 'disguised-png.avi', 'zeros.mov'])(
    '%s',
    async (name) => {
      rules = { accept: fileRules.video }
      const { status, out } = await curl(server.url, '-F', 'ok=1', '-F', `f=@${media(name)}`)
      expect([status, out]).toEqual([415, 'ERR_TEMP_TYPE_REJECTED'])
    },
  )

  test('an empty one is too small', async () => {
    rules = { accept: fileRules.video }
    const { status } = await curl(server.url, '-F', `f=@${media('empty.webm')}`)
    expect(status).toBe(422)
  })

  test('after a file that was whole already, which goes with it', async () => {
    rules = { accept: fileRules.video }
    const { status } = await curl(
      server.url,
      '-F',
      `f=@${media('clip.mp4')}`,
      '-F',
      `f=@${media('disguised-elf.mkv')}`,
    )
    expect(status).toBe(415)
  })
})
