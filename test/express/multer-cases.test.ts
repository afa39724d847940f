// The cases of multer's own test suite (MIT; expressjs/multer 2.x, folder test) on tempUpload: real forms to a real Express.
// A form that multer reads is read alike. Differences are deliberate, and their rows begin with 'unlike multer'.
//
// Not here: what only multer has (memory storage, buffers, `destination` and `filename`, errors of `_removeFile`, recursion
// while it removes 25,000 files), and a client that disconnects or still sends while it is refused, which
// temp-upload.test.ts and refused-clients.test.ts have for every framework and client.

import { statSync } from 'node:fs'
import type { ErrorRequestHandler } from 'express'
import { describe, expect, test } from 'vitest'
import { tempUpload } from '../../src/express/index.ts'
import type { FormOptions } from '../../src/http/index.ts'
import { isTempFileError } from '../../src/index.ts'
import { BOUNDARY, post } from '../http/clients.ts'
import { expressServer } from './express-server.ts'

/** The files of multer's suite: names and sizes. */
const SIZES = {
  'empty.dat': 0,
  'tiny0.dat': 122,
  'tiny1.dat': 7,
  'small0.dat': 1778,
  'small1.dat': 315,
  'medium.dat': 13_196,
  'large.jpg': 2_413_677,
} as const
type Name = keyof typeof SIZES

/** The content of a field: a text, or one of the files. */
type Entry = readonly [field: string, text: string] | readonly [field: string, file: { readonly name: Name }]

const of = (name: Name): { readonly name: Name } => ({ name })

/** A form as browsers, undici and curl build it. */
function formData(...entries: readonly Entry[]): () => FormData {
  return () => {
    const form = new FormData()
    for (const [field, value] of entries) {
      if (typeof value === 'string') form.append(field, value)
      else form.append(field, new Blob([Buffer.alloc(SIZES[value.name], value.name)]), value.name)
    }
    return form
  }
}

/** A body byte by byte, which no FormData would build. */
function raw(...lines: readonly string[]): () => Buffer {
  return () => Buffer.from(lines.join('\r\n'), 'latin1')
}

/** One file part with this Content-Disposition. */
function named(disposition: string): () => Buffer {
  const head = `Content-Disposition: form-data; name="f"; ${disposition}`
  return raw(`--${BOUNDARY}`, head, 'Content-Type: text/plain', '', 'content', `--${BOUNDARY}--`)
}

/** The answer to a received form. */
const received = (
  fields: Record<string, string | string[]>,
  ...files: (readonly [string, string, number])[]
): object => ({ status: 200, answer: { fields, files } })

/** The answer to a refused one. */
const refused = (status: number, code: string, details: object = {}): object => ({
  status,
  answer: { code, ...details },
})

const CHECKBOXES: readonly Entry[] = [
  ['name', 'Multer'],
  ['version', ''],
  ['year', ''],
  ['checkboxfull', 'cb1'],
  ['checkboxfull', 'cb2'],
  ['checkboxhalfempty', 'cb1'],
  ['checkboxhalfempty', ''],
  ['checkboxempty', ''],
  ['checkboxempty', ''],
]
const CHECKED = {
  name: 'Multer',
  version: '',
  year: '',
  checkboxfull: ['cb1', 'cb2'],
  checkboxhalfempty: ['cb1', ''],
  checkboxempty: ['', ''],
}
const SETS: readonly Entry[] = [
  ['CA$|-|', of('empty.dat')],
  ['set-1', of('tiny0.dat')],
  ['set-1', of('empty.dat')],
  ['set-1', of('tiny1.dat')],
  ['set-2', of('tiny1.dat')],
  ['set-2', of('tiny0.dat')],
  ['set-2', of('empty.dat')],
]
const EVERY = (Object.keys(SIZES) as Name[]).map((name) => [name, of(name)] as const) // the literal's own keys

const TOO_LARGE = [413, 'ERR_TEMP_TOO_LARGE'] as const
const INVALID = [400, 'ERR_TEMP_FORM_INVALID'] as const
const ONE_SMALL0: FormOptions = { fields: { small0: { maxFiles: 1 } } }
const TWO_FIELDS: FormOptions = { fields: { butme: { maxFiles: 2 }, andme: { maxFiles: 2 } } }
const EXPECTED_FILES: readonly Entry[] = [
  ['butme', of('small0.dat')],
  ['butme', of('small1.dat')],
  ['andme', of('empty.dat')],
]

type Row = readonly [name: string, options: FormOptions, body: () => FormData | Buffer, expected: object]

const ROWS: Readonly<Record<string, readonly Row[]>> = {
  'disk-storage.js and memory-storage.js': [
    [
      'a form with a field and a file is received',
      ONE_SMALL0,
      formData(['name', 'Multer'], ['small0', of('small0.dat')]),
      received({ name: 'Multer' }, ['small0', 'small0.dat', 1778]),
    ],
    [
      'empty fields and an empty file are received',
      { fields: { empty: { maxFiles: 1 } } },
      formData(['empty', of('empty.dat')], ...CHECKBOXES),
      received(CHECKED, ['empty', 'empty.dat', 0]),
    ],
    [
      'several files are received',
      { fields: Object.fromEntries(EVERY.map(([field]) => [field, { maxFiles: 1 }])) },
      formData(...EVERY),
      received({}, ...EVERY.map(([field, { name }]) => [field, name, SIZES[name]] as const)),
    ],
    [
      'uploaded files are removed on error',
      { fields: { tiny0: { maxFiles: 1 } } },
      formData(['tiny0', of('tiny0.dat')], ['small0', of('small0.dat')]),
      refused(...INVALID, { field: 'small0' }),
    ],
  ],
  'error-handling.js and issue-232.js': [
    [
      'a form with more than maxParts parts is refused',
      { maxParts: 1 },
      formData(['field0', 'BOOM!'], ['small0', of('small0.dat')]),
      refused(...TOO_LARGE, { option: 'maxParts', limit: 1 }),
    ],
    [
      'a file of more than maxFileBytes is refused',
      { maxFileBytes: 1500 },
      formData(['tiny0', of('tiny0.dat')], ['small0', of('small0.dat')]),
      refused(...TOO_LARGE, { option: 'maxFileBytes', limit: 1500, field: 'small0' }),
    ],
    [
      'a large file is refused in its middle, where it exceeds maxFileBytes',
      { maxFileBytes: 100, fields: { file: { maxFiles: 1 } } },
      formData(['file', of('large.jpg')]),
      refused(...TOO_LARGE, { option: 'maxFileBytes', limit: 100, field: 'file' }),
    ],
    [
      'a form with more than maxFiles files is refused',
      { maxFiles: 1 },
      formData(['small0', of('small0.dat')], ['small1', of('small1.dat')]),
      refused(...TOO_LARGE, { option: 'maxFiles', limit: 1, field: 'small1' }),
    ],
    [
      'a file whose field name is longer than maxFieldNameBytes is refused',
      { maxFieldNameBytes: 4 },
      formData(['small0', of('small0.dat')]),
      refused(...TOO_LARGE, { option: 'maxFieldNameBytes', limit: 4 }),
    ],
    [
      'a text field whose name is longer than maxFieldNameBytes is refused',
      { maxFieldNameBytes: 4 },
      formData(['ok', 'SMILE'], ['blowup', 'BOOM!']),
      refused(...TOO_LARGE, { option: 'maxFieldNameBytes', limit: 4 }),
    ],
    [
      'a text field of more than maxFieldBytes is refused',
      { maxFieldBytes: 16 },
      formData(['field0', 'This is okay'], ['field1', 'This will make the parser explode']),
      refused(...TOO_LARGE, { option: 'maxFieldBytes', limit: 16, field: 'field1' }),
    ],
    [
      'a form with more than maxFields text fields is refused',
      { maxFields: 1 },
      formData(['field0', 'BOOM!'], ['field1', 'BOOM!']),
      refused(...TOO_LARGE, { option: 'maxFields', limit: 1, field: 'field1' }),
    ],
    [
      'a file of a field that `fields` does not name is refused',
      { fields: { wrongname: { maxFiles: 1 } } },
      formData(['small0', of('small0.dat')]),
      refused(...INVALID, { field: 'small0' }),
    ],
    [
      'a part without a field name is refused',
      {},
      raw(`--${BOUNDARY}`, 'Content-Disposition: form-data', '', 'test content', `--${BOUNDARY}`, ''),
      refused(...INVALID),
    ],
    [
      'a file with an empty field name is refused',
      ONE_SMALL0,
      formData(['', of('small0.dat')]),
      refused(...INVALID),
    ],
    [
      'a form that ends inside a file is refused',
      {},
      raw(
        `--${BOUNDARY}`,
        'Content-Disposition: form-data; name="tiny0"; filename="test.txt"',
        'Content-Type: text/plain',
        '',
        'test without end boundary',
      ),
      refused(400, 'ERR_TEMP_TRUNCATED'),
    ],
    [
      'of several concurrent errors one is the answer',
      { maxFileBytes: 1, maxFiles: 1 },
      formData(['small0', of('small0.dat')], ['small0', of('small0.dat')]),
      refused(...TOO_LARGE, {
        option: expect.stringMatching(/^maxFile(Byte)?s$/),
        limit: 1,
        field: 'small0',
      }),
    ],
  ],
  'expected-files.js and none.js': [
    [
      'a single unexpected file is refused',
      { fields: { butme: { maxFiles: 1 } } },
      formData(['notme', of('small0.dat')]),
      refused(...INVALID, { field: 'notme' }),
    ],
    [
      'unexpected files of one name are refused',
      { fields: { butme: { maxFiles: 4 } } },
      formData(['notme', of('small0.dat')], ['notme', of('small1.dat')]),
      refused(...INVALID, { field: 'notme' }),
    ],
    [
      'more files of a field than it may have are refused',
      { fields: { butme: { maxFiles: 1 } } },
      formData(['butme', of('small0.dat')], ['butme', of('small1.dat')]),
      refused(...TOO_LARGE, { option: "fields['butme'].maxFiles", limit: 1, field: 'butme' }),
    ],
    [
      'files of expected names are received',
      TWO_FIELDS,
      formData(...EXPECTED_FILES),
      received({}, ['butme', 'small0.dat', 1778], ['butme', 'small1.dat', 315], ['andme', 'empty.dat', 0]),
    ],
    [
      'one unexpected file after expected ones is refused',
      TWO_FIELDS,
      formData(...EXPECTED_FILES, ['notme', of('empty.dat')]),
      refused(...INVALID, { field: 'notme' }),
    ],
    [
      'a file of any field is received when `fields` is not given',
      {},
      formData(...EXPECTED_FILES),
      received({}, ['butme', 'small0.dat', 1778], ['butme', 'small1.dat', 315], ['andme', 'empty.dat', 0]),
    ],
    [
      'a file is refused where no files are allowed',
      { fields: {} },
      formData(['key1', 'val1'], ['key2', 'val2'], ['file', of('small0.dat')]),
      refused(...INVALID, { field: 'file' }),
    ],
    [
      'text fields are received where no files are allowed',
      { fields: {} },
      formData(['key1', 'val1'], ['key2', 'val2']),
      received({ key1: 'val1', key2: 'val2' }),
    ],
  ],
  'express-integration.js and async-file-filter-orphan.js': [
    [
      'unlike multer, a part that ends with its header is an empty file (RFC 2046, section 5.1.1)',
      {},
      raw(
        `--${BOUNDARY}`,
        'Content-Disposition: form-data; name="file"; filename="test.txt"',
        'Content-Type: text/plain',
        '',
        `--${BOUNDARY}--`,
        '',
      ),
      received({}, ['file', 'test.txt', 0]),
    ],
    [
      'a form whose closing boundary lacks its last letter is refused',
      {},
      raw(
        `--${BOUNDARY}`,
        'Content-Disposition: form-data; name="image"; filename=""',
        'Content-Type: application/octet-stream',
        '',
        '',
        `--${BOUNDARY.slice(0, -1)}`,
      ),
      refused(400, 'ERR_TEMP_TRUNCATED'),
    ],
    [
      'a part without a field name is refused after a file that an asynchronous filter let pass',
      { skip: async () => false },
      raw(
        `--${BOUNDARY}`,
        'Content-Disposition: form-data; name="f"; filename="a.bin"',
        '',
        'ORPHAN FILE DATA',
        `--${BOUNDARY}`,
        'Content-Disposition: form-data; filename="b.bin"',
        '',
        'x',
        `--${BOUNDARY}--`,
        '',
      ),
      refused(...INVALID),
    ],
  ],
  'fields.js': [
    [
      'several text fields are received',
      { fields: {} },
      formData(['name', 'Multer'], ['key', 'value'], ['abc', 'xyz']),
      received({ name: 'Multer', key: 'value', abc: 'xyz' }),
    ],
    ['empty text fields are received', { fields: {} }, formData(...CHECKBOXES), received(CHECKED)],
    [
      'unlike multer, names with brackets are not interpreted',
      { fields: {} },
      formData(['obj[0]', 'a'], ['obj[2]', 'c'], ['obj[x]', 'yz'], ['pet[species]', 'Dahut'], ['a[]', '1']),
      received({ 'obj[0]': 'a', 'obj[2]': 'c', 'obj[x]': 'yz', 'pet[species]': 'Dahut', 'a[]': '1' }),
    ],
  ],
  'file-filter.js': [
    [
      'a file for which `skip` returns true is skipped',
      { skip: ({ fieldName }) => fieldName === 'notme' },
      formData(['notme', of('tiny0.dat')], ['butme', of('tiny1.dat')]),
      received({}, ['butme', 'tiny1.dat', 7]),
    ],
    [
      'an error of the filter is the error of the request',
      {
        skip: () => {
          throw new Error('Fake error')
        },
      },
      formData(['test', of('large.jpg')]),
      refused(500, 'Error: Fake error'),
    ],
  ],
  'file-ordering.js, functionality.js and select-field.js': [
    [
      'files are in the order in which they came, however long each takes',
      { skip: async () => new Promise((resolve) => setImmediate(resolve, false)) },
      formData(['themFiles', of('large.jpg')], ['themFiles', of('small1.dat')]),
      received({}, ['themFiles', 'large.jpg', 2_413_677], ['themFiles', 'small1.dat', 315]),
    ],
    [
      'all files of a field are received, and the fields are in their order',
      { fields: { 'CA$|-|': { maxFiles: 1 }, 'set-1': { maxFiles: 3 }, 'set-2': { maxFiles: 3 } } },
      formData(...SETS),
      received(
        {},
        ['CA$|-|', 'empty.dat', 0],
        ['set-1', 'tiny0.dat', 122],
        ['set-1', 'empty.dat', 0],
        ['set-1', 'tiny1.dat', 7],
        ['set-2', 'tiny1.dat', 7],
        ['set-2', 'tiny0.dat', 122],
        ['set-2', 'empty.dat', 0],
      ),
    ],
  ],
  'unicode.js and def-param-charset.js': [
    [
      'filename* wins over filename',
      {},
      named('filename="poo.dat"; filename*=utf-8\'\'%F0%9F%92%A9.dat'),
      received({}, ['f', '\u{1f4a9}.dat', 7]),
    ],
    [
      'filename* alone is read in its own charset',
      {},
      named("filename*=utf-8''caf%C3%A9.txt"),
      received({}, ['f', 'café.txt', 7]),
    ],
    [
      'a file name in latin1 is read',
      {},
      named('filename="caf\u00e9.txt"'),
      received({}, ['f', 'café.txt', 7]),
    ],
    [
      'a file name in UTF-8 is read without defParamCharset',
      {},
      named('filename="test\u00c3\u00b1.txt"'),
      received({}, ['f', 'testñ.txt', 7]),
    ],
  ],
}

const here = expressServer()
const report: ErrorRequestHandler = (error, _req, res, _next) => {
  if (!isTempFileError(error)) return void res.status(500).json({ code: String(error) })
  const { option, limit, field } = error.details
  res.status(error.status).json({ code: error.code, option, limit, field })
}

/** Mounts tempUpload with these options; the answer has every field and file, as it is on disk. */
function mount(options: FormOptions): void {
  here.app.post('/', tempUpload(here.premises.manager, options), ({ upload }, res) => {
    const files = upload.files.map(({ fieldName, originalName, bytes, path }) => {
      expect(statSync(path).size).toBe(bytes)
      return [fieldName, originalName, bytes]
    })
    res.json({ fields: { ...upload.fields }, files })
  })
  here.app.use(report)
}

async function send(body: FormData | Buffer, headers?: Record<string, string>): Promise<object> {
  const response = Buffer.isBuffer(body)
    ? await post(here.server.url, body, headers)
    : await fetch(here.server.url, { method: 'POST', body })
  return { status: response.status, answer: await response.json() }
}

describe.each(Object.entries(ROWS))('tempUpload reads the forms of multer’s %s:', (_, rows) => {
  test.each(rows)('%s', async (_, options, body, expected) => {
    mount(options)
    expect(await send(body())).toEqual(expected)
  })
})

describe('tempUpload treats requests as multer’s suite does:', () => {
  test('a multipart request without a boundary is refused', async () => {
    mount({})
    const answer = await send(Buffer.from('test'), { 'content-type': 'multipart/form-data' })
    expect(answer).toEqual(refused(...INVALID))
  })

  test('unlike multer, a request that is not multipart is refused and not passed on without a form', async () => {
    mount({ fields: {} })
    const answer = await send(Buffer.from('name=Multer'), {
      'content-type': 'application/x-www-form-urlencoded',
    })
    expect(answer).toEqual(refused(...INVALID))
  })

  test('one middleware serves eight requests at once', async () => {
    mount({ fields: { 'them-files': {} } })
    const counts = [9, 1, 5, 7, 2, 8, 3, 4]
    const sent = counts.map((count) => {
      const files = Array.from({ length: count }, () => ['them-files', of('small0.dat')] as const)
      return send(formData(['name', 'Multer'], ['files', String(count)], ...files)())
    })
    expect(await Promise.all(sent)).toEqual(
      counts.map((count) =>
        received(
          { name: 'Multer', files: String(count) },
          ...Array.from({ length: count }, () => ['them-files', 'small0.dat', 1778] as const),
        ),
      ),
    )
  })

  test('an error of the storage is the error of the request', async () => {
    await here.premises.manager.close()
    mount({})
    expect(await send(formData(['tiny0', of('tiny0.dat')])())).toEqual(refused(503, 'ERR_TEMP_CLOSED'))
  })
})
