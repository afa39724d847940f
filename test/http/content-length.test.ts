import { expect, test } from 'vitest'
import { contentLength, isIdentity } from '../../src/http/content-length.ts'

test('a Content-Length is a whole number of bytes, and any other value counts as none', () => {
  expect(contentLength('0')).toBe(0)
  expect(contentLength('1048576')).toBe(1_048_576)
  for (const value of [undefined, null, '', '-1', '1.5', '0x10', '1, 1', ' 1', '9'.repeat(16)])
    expect(contentLength(value)).toBeUndefined()
})

test('content without Content-Encoding, or with identity in any case, is sent as it is', () => {
  for (const value of [undefined, null, '', 'identity', 'Identity']) expect(isIdentity(value)).toBe(true)
  for (const value of ['gzip', 'identity, gzip', 'br']) expect(isIdentity(value)).toBe(false)
})
