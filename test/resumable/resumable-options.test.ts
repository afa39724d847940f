import { describe, expect, test } from 'vitest'
import { fileRules } from '../../src/index.ts'
import { checkResumableOptions } from '../../src/resumable/resumable-options.ts'
import { failureSync } from '../fixtures/failures.ts'

describe('options of a resumable upload server', () => {
  test('options of a resumable upload server can give sizes and durations in words', () => {
    expect(
      checkResumableOptions({
        maxBytes: '2gb',
        maxAppendBytes: '10mb',
        ttl: '1h',
        timeout: '30s',
        accept: fileRules.video,
      }),
    ).toMatchObject({
      maxBytes: 2 * 1024 ** 3,
      maxAppendBytes: 10 * 1024 ** 2,
      ttl: 3_600_000,
      timeout: 30_000,
    })
  })

  test.each([
    ['maxSize', 1, 'maxBytes'],
    ['maxByte', 1, 'maxBytes'],
    ['maxBytes', '5 potatoes', 'maxBytes'],
    ['ttl', 'soon', 'ttl'],
    ['timeout', '25d', 'timeout'],
    ['hash', 'md5', 'hash'],
    ['accept', undefined, 'accept'],
    ['accept', { type: 'video/mp4' }, 'types'],
    ['authorize', true, 'authorize'],
    ['onComplete', 'done', 'onComplete'],
    ['durable', 'yes', 'durable'],
    ['path', 7, 'path'],
    ['path', '/文件', 'path'],
    ['path', '/files\r\nX-Own: 1', 'path'],
  ])('%s: %j is refused, and the error names %s', (option, value, named) => {
    const error = failureSync('ERR_TEMP_OPTION_INVALID', () => checkResumableOptions({ [option]: value }))
    expect(error.message).toContain(named)
  })
})
