// The cases of RFC 9110 section 14, for a file of 10,000 bytes (the RFC's own example) unless a size is given.

import { expect, test } from 'vitest'
import { rangeOf } from '../../../src/http/serve/byte-range.ts'
import type { ByteRange } from '../../../src/types.ts'

const part = (start: number, end: number): ByteRange => ({ start, end })

test.each<[string, ByteRange | 'unsatisfiable' | undefined, number?]>([
  // 14.1.2, the examples
  ['bytes=0-499', part(0, 500)],
  ['bytes=500-999', part(500, 1_000)],
  ['bytes=-500', part(9_500, 10_000)],
  ['bytes=9500-', part(9_500, 10_000)],
  ['bytes=0-0', part(0, 1)],
  ['bytes=-1', part(9_999, 10_000)],
  ['bytes=0-', part(0, 10_000)],
  // "if the last-pos value is absent, or greater than or equal to the current length": up to the end
  ['bytes=9990-20000', part(9_990, 10_000)],
  ['bytes=0-99999999999999999999999', part(0, 10_000)],
  // "if the representation is shorter than the specified suffix-length, the entire representation is used"
  ['bytes=-10000', part(0, 10_000)],
  ['bytes=-10001', part(0, 10_000)],
  ['bytes=-99999999999999999999999', part(0, 10_000)],
  // 14.1.1: range-unit names are case-insensitive; 5.6.1: white space and empty list elements
  ['BYTES=0-1', part(0, 2)],
  ['bytes= 0-1 ', part(0, 2)],
  ['bytes=,0-1,,', part(0, 2)],
  // unsatisfiable: first-pos at or after the end, a suffix of no bytes, all of several
  ['bytes=10000-', 'unsatisfiable'],
  ['bytes=10000-10001', 'unsatisfiable'],
  ['bytes=99999999999999999999999-', 'unsatisfiable'],
  ['bytes=-0', 'unsatisfiable'],
  ['bytes=10000-,20000-', 'unsatisfiable'],
  // a set is satisfiable if one of it is; more than one is answered with the whole file
  ['bytes=0-1,20000-', part(0, 2)],
  ['bytes=500-600,601-999', undefined],
  ['bytes=0-0,-1', undefined],
  // invalid or of another unit: ignored
  ['bytes=5-3', undefined],
  ['bytes=0-1,5-3', undefined],
  ['bytes=', undefined],
  ['bytes=-', undefined],
  ['bytes=a-b', undefined],
  ['bytes=0x1-2', undefined],
  ['bytes=--1', undefined],
  ['bytes=1.5-2', undefined],
  ['bytes 0-499', undefined],
  ['lines=0-1', undefined],
  ['', undefined],
  // an empty file
  ['bytes=0-', 'unsatisfiable', 0],
  ['bytes=0-0', 'unsatisfiable', 0],
  ['bytes=-5', undefined, 0],
])('the header Range: %s is read as %j', (header, expected, size = 10_000) => {
  expect(rangeOf(header, size)).toEqual(expected)
})
