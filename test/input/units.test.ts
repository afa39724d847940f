import { describe, expect, test } from 'vitest'
import { toBytes, toMilliseconds } from '../../src/input/units.ts'
import { failureSync } from '../fixtures/failures.ts'

describe('sizes', () => {
  test.each([
    [0, 0],
    [1048576, 1048576],
    ['0b', 0],
    ['500mb', 500 * 2 ** 20],
    ['2GB', 2 * 2 ** 30],
    ['1.5 kb', 1536],
    ['1tb', 2 ** 40],
    [Number.MAX_SAFE_INTEGER, Number.MAX_SAFE_INTEGER],
  ])('%j is %d bytes', (given, bytes) => {
    expect(toBytes(given, 'maxBytes')).toBe(bytes)
  })

  test.each([
    '500MiB', // `bytes` would read 500
    '5 potatoes',
    '500',
    '',
    'mb',
    '-1kb',
    '1e3kb',
    '0x10b',
    '1kb\n',
    ' 1kb',
    '9'.repeat(400).concat('tb'),
    '99999999tb',
    -1,
    1.5,
    Number.NaN,
    Number.POSITIVE_INFINITY,
    2 ** 53,
  ])('the size %j is refused, and its option is named', (given) => {
    const error = failureSync('ERR_TEMP_OPTION_INVALID', () => toBytes(given, 'limits.totalBytes'))
    expect(error.message).toContain('limits.totalBytes')
  })

  test.each([[null], [true], [{}], [[5]], [5n], [() => 5]])(
    'a size of another type is refused: %s',
    (given) => {
      // A program without types may pass anything: the cast imitates that.
      failureSync('ERR_TEMP_OPTION_INVALID', () => toBytes(given as unknown as string, 'maxBytes'))
    },
  )
})

describe('durations', () => {
  test.each([
    [0, 0],
    [1500, 1500],
    ['10ms', 10],
    ['30s', 30_000],
    ['10m', 600_000],
    ['1h', 3_600_000],
    ['7d', 604_800_000],
    ['1.5h', 5_400_000],
    ['2w', 1_209_600_000],
  ])('%j is %d milliseconds', (given, ms) => {
    expect(toMilliseconds(given, 'ttl')).toBe(ms)
  })

  test.each([
    '7 days ago',
    '',
    '10',
    'm',
    '-1h',
    '1h30m',
    '1h\n',
    '9e9d',
    -1,
    Number.NaN,
    Number.POSITIVE_INFINITY,
  ])('the duration %j is refused, and its option is named', (given) => {
    const error = failureSync('ERR_TEMP_OPTION_INVALID', () => toMilliseconds(given, 'handoff.ttl'))
    expect(error.message).toContain('handoff.ttl')
  })

  test.each([[null], [true], [{}], [5n]])('a duration of another type is refused: %s', (given) => {
    failureSync('ERR_TEMP_OPTION_INVALID', () => toMilliseconds(given as unknown as string, 'ttl'))
  })
})
