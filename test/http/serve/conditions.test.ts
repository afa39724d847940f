// The table of RFC 9110 section 13: which precondition decides, and to what.

import { describe, expect, test } from 'vitest'
import { decide } from '../../../src/http/serve/conditions.ts'

const MODIFIED = Date.parse('Sun, 06 Nov 1994 08:49:37 GMT')
const SAME = 'Sun, 06 Nov 1994 08:49:37 GMT'
const BEFORE = 'Sun, 06 Nov 1994 08:49:36 GMT'
const AFTER = 'Sun, 06 Nov 1994 08:49:38 GMT'
const file = { size: 100, etag: '"a,b"', modifiedMs: MODIFIED + 250, acceptRanges: true }

function status(
  headers: Record<string, string>,
  method = 'GET',
  changes = {},
  nowMs = MODIFIED + 60_000,
): number {
  return decide({ method, header: (name) => headers[name] }, { ...file, ...changes }, nowMs).status
}

describe('If-Match (13.1.1): strong comparison', () => {
  test.each([
    ['"a,b"', 200],
    ['"x", "a,b"', 200],
    ['*', 200],
    ['W/"a,b"', 412],
    ['"x"', 412],
  ])('If-Match: %s results in status %i', (value, expected) =>
    expect(status({ 'if-match': value })).toBe(expected),
  )

  test('If-Match is evaluated instead of If-Unmodified-Since', () => {
    expect(status({ 'if-match': '"a,b"', 'if-unmodified-since': BEFORE })).toBe(200)
  })

  test('If-Match of a file without an ETag matches only *', () => {
    expect(status({ 'if-match': '*' }, 'GET', { etag: undefined })).toBe(200)
    expect(status({ 'if-match': '"a,b"' }, 'GET', { etag: undefined })).toBe(412)
  })
})

describe('If-Unmodified-Since (13.1.4)', () => {
  test.each([
    [SAME, 200],
    [AFTER, 200],
    [BEFORE, 412],
    ['yesterday', 200],
    ['Sun Nov  6 08:49:36 1994', 412],
    ['Sunday, 06-Nov-94 08:49:36 GMT', 412],
  ])('If-Unmodified-Since: %s results in status %i', (value, expected) =>
    expect(status({ 'if-unmodified-since': value })).toBe(expected),
  )
})

describe('If-None-Match (13.1.2): weak comparison', () => {
  test.each([
    ['"a,b"', 304],
    ['W/"a,b"', 304],
    ['"x", W/"a,b"', 304],
    ['*', 304],
    ['"x"', 200],
    ['"a", "b"', 200],
  ])('If-None-Match: %s results in status %i', (value, expected) =>
    expect(status({ 'if-none-match': value })).toBe(expected),
  )

  test('If-None-Match is evaluated instead of If-Modified-Since', () => {
    expect(status({ 'if-none-match': '"x"', 'if-modified-since': AFTER })).toBe(200)
  })
})

describe('If-Modified-Since (13.1.3)', () => {
  test.each([
    [SAME, 304],
    [AFTER, 304],
    [BEFORE, 200],
    ['1994', 200],
  ])('If-Modified-Since: %s results in status %i', (value, expected) =>
    expect(status({ 'if-modified-since': value })).toBe(expected),
  )
})

describe('If-Range (13.1.5): an exact match with a strong validator', () => {
  test.each([
    ['"a,b"', 206],
    ['W/"a,b"', 200],
    ['"x"', 200],
    [SAME, 206],
    [BEFORE, 200],
    [AFTER, 200],
    ['soon', 200],
  ])('a range with If-Range: %s results in status %i', (value, expected) =>
    expect(status({ range: 'bytes=0-1', 'if-range': value })).toBe(expected),
  )

  test('a date in If-Range is weak while its second lasts (8.8.2.2)', () => {
    expect(status({ range: 'bytes=0-1', 'if-range': SAME }, 'GET', {}, MODIFIED + 999)).toBe(200)
    expect(status({ range: 'bytes=0-1', 'if-range': SAME }, 'GET', {}, MODIFIED + 1_000)).toBe(206)
  })
})

describe('precedence (13.2.2)', () => {
  test.each([
    [{ 'if-match': '"x"', 'if-none-match': '"a,b"', range: 'bytes=0-1' }, 412],
    [{ 'if-match': '"a,b"', 'if-none-match': '"a,b"', range: 'bytes=0-1' }, 304],
    [{ 'if-none-match': '"x"', range: 'bytes=0-1' }, 206],
    [{ 'if-none-match': '"x"', range: 'bytes=200-' }, 416],
    [{ 'if-range': '"x"', range: 'bytes=200-' }, 200],
  ])('the preconditions %o together result in status %i', (headers, expected) =>
    expect(status(headers)).toBe(expected),
  )
})

describe('methods', () => {
  test('Range is for GET only (14.2)', () => {
    for (const method of ['HEAD', 'POST', 'PUT']) {
      expect(status({ range: 'bytes=0-1' }, method)).toBe(200)
      expect(status({ range: 'bytes=200-' }, method)).toBe(200)
    }
  })

  test('HEAD is conditional like GET, other methods are not', () => {
    expect(status({ 'if-none-match': '*' }, 'HEAD')).toBe(304)
    expect(status({ 'if-match': '"x"' }, 'HEAD')).toBe(412)
    expect(status({ 'if-match': '"x"', 'if-none-match': '*' }, 'POST')).toBe(200)
  })
})

test('Range is ignored where the program does not accept ranges', () => {
  expect(status({ range: 'bytes=0-1' }, 'GET', { acceptRanges: false })).toBe(200)
  expect(status({ range: 'bytes=200-' }, 'GET', { acceptRanges: false })).toBe(200)
})
