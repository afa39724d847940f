// Sizes and durations as people write them. Guarantee: a string that `bytes` or `ms` would read only in part
// ('500MiB' as 500, '5 potatoes' as 5) throws ERR_TEMP_OPTION_INVALID.

import parseBytes from 'bytes'
import parseMs, { type StringValue } from 'ms'
import { optionError } from '../errors.ts'

/**
 * A number of bytes, or a string such as `'500mb'` or `'1.5gb'` (powers of 1024).
 * @category Options
 */
export type Size = number | string

/**
 * A number of milliseconds, or a string such as `'10m'`, `'1h'` or `'7d'`. A timeout, a time limit, a lease or an interval is
 * at most 2,147,483,647 ms (24.8 days), the longest delay of Node's timers; a longer one is ERR_TEMP_OPTION_INVALID.
 * @category Options
 */
export type Duration = number | string

const SIZE = /^\d+(?:\.\d+)? ?(?:b|kb|mb|gb|tb|pb)$/i
const DURATION = /^\d+(?:\.\d+)? ?(?:ms|s|m|h|d|w|y)$/i

/** Bytes of a {@link Size}. @throws ERR_TEMP_OPTION_INVALID */
export function toBytes(value: Size, option: string): number {
  const bytes = typeof value === 'string' && SIZE.test(value) ? parseBytes.parse(value) : value
  if (typeof bytes === 'number' && Number.isSafeInteger(bytes) && bytes >= 0) return bytes
  throw optionError(
    option,
    `${option} must be a whole number of bytes or a string like '500mb' or '2gb' (units b, kb, mb, gb, tb; powers of 1024).`,
  )
}

/** Milliseconds of a {@link Duration}. @throws ERR_TEMP_OPTION_INVALID */
export function toMilliseconds(value: Duration, option: string): number {
  // The pattern is the grammar of StringValue, which TypeScript cannot see.
  const ms = typeof value === 'string' && DURATION.test(value) ? parseMs(value as StringValue) : value
  if (typeof ms === 'number' && Number.isFinite(ms) && ms >= 0 && ms <= Number.MAX_SAFE_INTEGER) return ms
  throw optionError(
    option,
    `${option} must be a number of milliseconds or a string like '30s', '10m', '1h' or '7d'.`,
  )
}
