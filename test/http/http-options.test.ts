// The mistakes of a JavaScript program in the options of the functions that send and fetch.

import { IncomingMessage, ServerResponse } from 'node:http'
import { Socket } from 'node:net'
import Fastify from 'fastify'
import { afterAll, describe, expect, test } from 'vitest'
import { tempScope, tempStorage, tempUpload } from '../../src/express/index.ts'
import tempFiles from '../../src/fastify/index.ts'
import { fetchFile, fileResponse, putFile, receiveBody, receiveForm, sendFile } from '../../src/http/index.ts'
import { TempFileManager } from '../../src/index.ts'
import { COMMON, type Mistake, meant, type Refusing, testMistakes, wrongTypes } from '../input/mistakes.ts'

const manager = new TempFileManager() // unused: each call fails before its first file
afterAll(() => manager.close())
const unused = new ServerResponse(new IncomingMessage(new Socket()))
const URL_OF_NOTHING = 'http://127.0.0.1:9/'

const SEND: Mistake[] = [
  ...COMMON,
  meant('filename', 'fileName'),
  meant('dispositon', 'disposition'),
  ...wrongTypes('fileName', 1),
  ...wrongTypes('disposition', 'download', true),
  ...wrongTypes('type', 1),
  ...wrongTypes('cacheControl', true, 60),
  ...wrongTypes('acceptRanges', 'none'),
  ...wrongTypes('etag', 'x'),
  ...wrongTypes('lastModified', new Date(0)),
  ...wrongTypes('headers', 'x', new Headers({ cookie: 'a' })),
  ...wrongTypes('remove', true, 'always'),
]

const STORE: Mistake[] = [
  ...COMMON,
  ...wrongTypes('accept', undefined, null, 'image', ['.png']),
  ...wrongTypes('accept.types', 'image/png', []),
  ...wrongTypes('accept.maxBytes', '5 potatoes'),
  ...wrongTypes('accept.validate', true),
  meant('accept.mimeTypes', 'types'),
  ...wrongTypes('hash', 5, 'sha', 'crc32'),
  ...wrongTypes('prefix', 5),
]
const TRANSFER: Mistake[] = [...wrongTypes('signal', 1, {}), ...wrongTypes('onProgress', true)]

/** Of receiveForm, and of everything that passes its options on. */
const FORM: Mistake[] = [
  ...STORE,
  ...TRANSFER,
  // multer and busboy
  meant('limits', 'maxFileBytes'),
  meant('fileSize', 'maxFileBytes'),
  meant('files', 'maxFiles'),
  meant('fieldSize', 'maxFieldBytes'),
  meant('fieldNameSize', 'maxFieldNameBytes'),
  meant('parts', 'maxParts'),
  meant('headerPairs', 'maxHeaderPairs'),
  meant('fileFilter', 'skip'),
  meant('dest', 'baseDir'),
  // formidable
  meant('maxFileSize', 'maxFileBytes'),
  meant('maxTotalFileSize', 'maxTotalBytes'),
  meant('maxFieldsSize', 'maxTextBytes'),
  meant('uploadDir', 'baseDir'),
  meant('hashAlgorithm', 'hash'),
  meant('filter', 'skip'),
  // spelling
  meant('maxfiles', 'maxFiles'),
  meant('maxFileByte', 'maxFileBytes'),
  meant('maxBytes', 'maxFileBytes'),

  ...wrongTypes('maxFiles', -1, 1.5, '3'),
  ...wrongTypes('maxFileBytes', true, 'large', -1),
  ...wrongTypes('maxTotalBytes', 'large'),
  ...wrongTypes('maxFields', '3'),
  ...wrongTypes('maxFieldBytes', 'large'),
  ...wrongTypes('maxFieldNameBytes', 'large'),
  ...wrongTypes('maxTextBytes', 'large'),
  ...wrongTypes('maxParts', '3'),
  ...wrongTypes('maxHeaderPairs', '3'),
  ...wrongTypes('skip', true),
  ...wrongTypes('decodeJsonParts', 'yes', 1),
  ...wrongTypes('fields', 'photo', ['photo'], { '': {} }),
]

/** A Fetch request with a body that nothing has read. */
const request = (): Request => new Request(URL_OF_NOTHING, { method: 'POST', body: 'x' })

const functions: Refusing[] = [
  { name: 'receiveForm', call: (options) => receiveForm(request(), manager, options), mistakes: FORM },
  {
    name: 'receiveBody',
    call: (options) => receiveBody(request(), manager, options),
    mistakes: [
      ...STORE,
      ...TRANSFER,
      meant('fileSize', 'maxBytes'),
      meant('maxFileSize', 'maxBytes'),
      meant('filename', 'fileName'),
      meant('checksum', 'expectedDigest'),
      ...wrongTypes('maxBytes', true, 'large'),
      ...wrongTypes('fileName', 5),
      ...wrongTypes('expectedDigest', 'abc', { algorithm: 'sha256' }),
    ],
  },
  {
    name: 'the Fastify plugin',
    call: (rules) => Fastify().register(tempFiles, { manager, rules }).ready(),
    mistakes: FORM,
  },
  {
    name: 'a route of Fastify, when it is declared,',
    call: async (rules) => {
      const app = Fastify()
      await app.register(tempFiles, { manager })
      app.post('/', { config: { tempFiles: rules } }, () => '')
    },
    mistakes: FORM,
  },
  {
    name: 'sendFile',
    call: (options) => sendFile(unused.req, unused, { path: '/nothing' }, options),
    mistakes: SEND,
  },
  {
    name: 'fileResponse',
    call: (options) => fileResponse(new Request(URL_OF_NOTHING), { path: '/nothing' }, options),
    mistakes: SEND,
  },
  {
    name: 'putFile',
    call: (options) => putFile(URL_OF_NOTHING, { path: '/nothing' }, options),
    mistakes: [
      ...COMMON,
      meant('chunkSize', 'chunkBytes'),
      meant('retryDelays', 'retryDelay'),
      ...wrongTypes('method', 'put', 1),
      ...wrongTypes('headers', 'x', new Headers({ cookie: 'a' })),
      ...wrongTypes('signal', 1),
      ...wrongTypes('timeout', 'soon', '25d'),
      ...wrongTypes('chunkBytes', 0, -1, 'big'),
      ...wrongTypes('retries', -1, 1.5, '3'),
      ...wrongTypes('retryDelay', -1),
      ...wrongTypes('onProgress', true),
    ],
  },
  {
    name: 'fetchFile',
    call: (options) => fetchFile(URL_OF_NOTHING, manager, options),
    mistakes: [
      ...STORE,
      ...TRANSFER,
      meant('maxSize', 'maxBytes'),
      meant('fileSize', 'maxBytes'),
      ...wrongTypes('maxBytes', true, 'large'),
      ...wrongTypes('suffix', 5),
      ...wrongTypes('headers', 'x', new Headers({ cookie: 'a' })),
      ...wrongTypes('timeout', 'soon', '25d'),
      ...wrongTypes('maxRedirects', -1, '5'),
      ...wrongTypes('allow', ['127.0.0.1']),
    ],
  },
  {
    name: 'tempUpload',
    call: (options) => tempUpload(manager, options),
    mistakes: FORM,
  },
  {
    name: 'tempStorage',
    call: (options) => tempStorage(manager, options),
    mistakes: [
      ...STORE,
      meant('fileSize', 'maxBytes'),
      meant('limits', 'maxBytes'),
      meant('destination', 'baseDir'),
      meant('fileFilter', 'accept'),
      ...wrongTypes('maxBytes', true, 'large'),
    ],
  },
]

describe('from JavaScript', () => {
  testMistakes(functions)

  test.each([1, 'manager', null])('a middleware refuses %o as its manager when it is created', (wrong) => {
    const creators: ((manager: never) => unknown)[] = [tempScope, tempUpload, tempStorage]
    for (const create of creators) {
      expect(() => create(wrong as never)).toThrow(
        expect.objectContaining({ code: 'ERR_TEMP_OPTION_INVALID' }),
      )
    }
  })

  test.each<[string, () => unknown]>([
    ['tempUpload', () => tempUpload(manager, { prefix: 'a/b' })],
    ['tempStorage', () => tempStorage(manager, { prefix: 'a/b' })],
    ['fetchFile', () => fetchFile(URL_OF_NOTHING, manager, { suffix: '/b' })],
    ['receiveForm', () => receiveForm(request(), manager, { prefix: '..\0' })],
  ])('%s refuses an invalid name before its first file', async (_, call) => {
    await expect(async () => call()).rejects.toMatchObject({ code: 'ERR_TEMP_NAME_INVALID' })
  })

  test('options without a manager are checked when the middleware is created', () => {
    const creators: ((options: never) => unknown)[] = [tempStorage, tempUpload]
    for (const create of creators) {
      expect(() => create({ maxFilesize: 1 } as never)).toThrow(
        expect.objectContaining({ code: 'ERR_TEMP_OPTION_INVALID' }),
      )
    }
  })
})
