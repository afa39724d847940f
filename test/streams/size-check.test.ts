import { describe, expect, test } from 'vitest'
import { checkReceiveOptions } from '../../src/streams/receive-options.ts'
import { Meter } from '../../src/streams/size-check.ts'
import type { ReceiveOptions } from '../../src/types.ts'
import { failureSync } from '../fixtures/failures.ts'

const UNLIMITED = Number.POSITIVE_INFINITY
const meter = (options: ReceiveOptions, fileBytes = UNLIMITED, size?: number): Meter =>
  new Meter(checkReceiveOptions(options), fileBytes, size)

describe('limits of bytes', () => {
  test('a limit of bytes accepts exactly as many and refuses the next one, before it is counted', () => {
    const counting = meter({ maxBytes: 10 })
    counting.count(4)
    counting.count(6)
    const error = failureSync('ERR_TEMP_TOO_LARGE', () => counting.count(1))
    expect(error.details).toMatchObject({ limit: 10, option: 'maxBytes' })
    expect(counting.bytes).toBe(10)
  })

  test('the limit of the manager counts where it is the smaller one, and is named in the error', () => {
    const error = failureSync('ERR_TEMP_TOO_LARGE', () => meter({ maxBytes: 10 }, 5).count(6))
    expect(error.details).toMatchObject({ limit: 5, option: 'limits.fileBytes' })
    expect(
      failureSync('ERR_TEMP_TOO_LARGE', () => meter({ maxBytes: 5 }, 10).count(6)).details,
    ).toMatchObject({
      limit: 5,
      option: 'maxBytes',
    })
  })

  test.each([
    ['the source announces', {}, 11],
    ['the caller expects', { expectedBytes: 11 }, undefined],
  ])('a limit of bytes refuses what %s to be longer before the first byte', (_, options, size) => {
    failureSync('ERR_TEMP_TOO_LARGE', () => meter({ ...options, maxBytes: 10 }, UNLIMITED, size))
  })
})

describe('announced lengths', () => {
  test('an announced length is reached exactly: one byte more is too large, one byte less is truncated', () => {
    const counting = meter({ expectedBytes: 3 })
    counting.count(2)
    const truncated = failureSync('ERR_TEMP_TRUNCATED', () => counting.checkWhole())
    expect(truncated.details).toMatchObject({ bytes: 2, expected: 3 })
    counting.count(1)
    counting.checkWhole()
    const longer = failureSync('ERR_TEMP_TOO_LARGE', () => counting.count(1))
    expect(longer.details).toMatchObject({ limit: 3, option: 'expectedBytes' })
  })

  test('the announced length of a source gives the progress its total', () => {
    const reports: unknown[] = []
    const counting = meter({ onProgress: (report) => reports.push(report) }, UNLIMITED, 3)
    counting.count(3)
    counting.finish()
    expect(counting.total).toBe(3)
    expect(reports.at(-1)).toEqual({ bytes: 3, total: 3 })
  })
})

test('a minimum refuses what ends below it', () => {
  const counting = meter({ accept: { minBytes: 2 } })
  counting.count(1)
  failureSync('ERR_TEMP_TOO_SMALL', () => counting.checkMinimum())
  counting.count(1)
  counting.checkMinimum()
})
