import { expect, test } from 'vitest'
import { fileRules } from '../../src/index.ts'
import { TempFileLocker, TempFileStore, type TusOptions, tusServer } from '../../src/tus/index.ts'
import { failureSync } from '../fixtures/failures.ts'
import { tempManager } from '../fixtures/temp-base.ts'

const wrong: [string, unknown, string][] = [
  ['accept', undefined, 'accept'],
  ['accept', { typs: [] }, 'types'],
  ['maxBytes', '5 potatoes', 'maxBytes'],
  ['maxFileSize', 5, 'maxBytes'],
  ['ttl', 'soon', 'ttl'],
  ['durable', 'yes', 'durable'],
  ['hash', 'nope', 'hash'],
  ['maxByte', 1, 'maxBytes'],
]

test.each([
  ...wrong,
  ['onFinish', 1, 'onFinish'],
  ['onUploadFinish', () => {}, 'onFinish'],
  ['locker', {}, 'new Server()'],
  ['datastore', {}, 'new Server()'],
  ['namingFunction', 'id', 'namingFunction'],
  ['allowedOrigins', '*', 'allowedOrigins'],
  ['path', '', 'path'],
  ['maxSize', '5gb', 'maxSize'],
])('tusServer refuses the option %s: %j when it is made, and names %s', (option, value, named) => {
  const options = { path: '/files', [option]: value } as TusOptions
  expect(failureSync('ERR_TEMP_OPTION_INVALID', () => tusServer(tempManager(), options)).message).toContain(
    named,
  )
})

test('tusServer without options names path', () => {
  const call = tusServer as (manager: unknown) => unknown // as JavaScript can
  expect(failureSync('ERR_TEMP_OPTION_INVALID', () => call(tempManager())).message).toContain('path')
})

test.each([...wrong, ['locker', {}, 'TempFileLocker'] as [string, unknown, string]])(
  'TempFileStore refuses the option %s: %j when it is made, and names %s',
  (option, value, named) => {
    const failure = failureSync(
      'ERR_TEMP_OPTION_INVALID',
      () => new TempFileStore(tempManager(), { [option]: value }),
    )
    expect(failure.message).toContain(named)
  },
)

test('TempFileLocker refuses an unknown option and names the one that was meant', () => {
  const options = { timeuot: 1 } as object
  expect(
    failureSync('ERR_TEMP_OPTION_INVALID', () => new TempFileLocker(tempManager(), options)).message,
  ).toContain('timeout')
})

test('options of @tus/server are passed on, with values or functions', () => {
  const server = tusServer(tempManager(), {
    path: '/files',
    accept: fileRules.pdf,
    relativeLocation: true,
    allowedOrigins: ['https://example.com'],
    allowedHeaders: ['X-Mine'],
    maxSize: () => 5,
    lockDrainTimeout: 10,
  })
  expect(server.options).toMatchObject({
    relativeLocation: true,
    allowedOrigins: ['https://example.com'],
    lockDrainTimeout: 10,
  })
})
