// The mistakes of a JavaScript program in the options of the functions that send and fetch.

import { afterAll, describe, expect, test } from 'vitest'
import { tempScope, tempStorage, tempUpload } from '../../src/express/index.ts'
import { fetchFile, fileResponse, putFile, sendFile } from '../../src/http/index.ts'
import { TempFileManager } from '../../src/index.ts'
import { COMMON, type Mistake, meant, type Refusing, testMistakes, wrongTypes } from '../input/mistakes.ts'

const manager = new TempFileManager() // unused: each call fails before its first file
afterAll(() => manager.close())
const unused = { headersSent: false } as never // refused before it is looked at
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
  ...wrongTypes('headers', 'x'),
  ...wrongTypes('remove', true, 'always'),
]

const functions: Refusing[] = [
  {
    name: 'sendFile',
    call: (options) => sendFile({ headers: {} } as never, unused, { path: '/nothing' }, options),
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
      ...wrongTypes('headers', 'x'),
      ...wrongTypes('signal', 1),
      ...wrongTypes('timeout', 'soon'),
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
      ...COMMON,
      meant('maxSize', 'maxBytes'),
      meant('fileSize', 'maxBytes'),
      ...wrongTypes('maxBytes', true, 'large'),
      ...wrongTypes('accept', undefined, 'image'),
      ...wrongTypes('timeout', 'soon'),
      ...wrongTypes('maxRedirects', -1, '5'),
      ...wrongTypes('allow', ['127.0.0.1']),
    ],
  },
  {
    name: 'tempUpload',
    call: (options) => tempUpload(manager, options),
    mistakes: [...COMMON, meant('limits', 'maxFileBytes'), ...wrongTypes('accept', undefined)],
  },
  {
    name: 'tempStorage',
    call: (options) => tempStorage(manager, options),
    mistakes: [...COMMON, meant('fileSize', 'maxBytes'), ...wrongTypes('accept', undefined)],
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

  test('options without a manager are checked when the middleware is created', () => {
    for (const create of [tempStorage]) {
      expect(() => create({ maxFilesize: 1 } as never)).toThrow(
        expect.objectContaining({ code: 'ERR_TEMP_OPTION_INVALID' }),
      )
    }
  })
})
