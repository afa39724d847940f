import { createHash } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import {
  booleanField,
  digestField,
  integerField,
  limitField,
  malformedDigest,
  reprDigest,
  wantedDigest,
} from '../../src/resumable/fields.ts'

const SHA256 = createHash('sha256').update('abc').digest()
const SHA512 = createHash('sha512').update('abc').digest()

describe('structured fields', () => {
  test.each([
    ['0', 0],
    ['123456789012345', 123_456_789_012_345],
    [' 7 ', 7],
    ['7;a=1', 7],
    ['', undefined],
    ['-1', undefined],
    ['1.0', undefined],
    ['1e3', undefined],
    ['1234567890123456', undefined],
    ['"7"', undefined],
    ['7, 8', undefined],
    [undefined, undefined],
  ])('an Integer field of %j is read as %j', (value, integer) => {
    expect(integerField(value)).toBe(integer)
  })

  test.each([
    ['?1', true],
    ['?0', false],
    [' ?1 ', true],
    ['?1;a', true],
    ['1', undefined],
    ['true', undefined],
    ['?2', undefined],
    ['?1, ?0', undefined],
    [undefined, undefined],
  ])('a Boolean field of %j is read as %j', (value, boolean) => {
    expect(booleanField(value)).toBe(boolean)
  })
})

describe('Upload-Limit', () => {
  test('Upload-Limit names each limit that is set, also one of 0', () => {
    expect(limitField({ 'max-size': 10, 'min-size': 0, 'max-age': 60 })).toBe(
      'max-size=10, min-size=0, max-age=60',
    )
  })

  test('Upload-Limit is min-size=0 when there is no limit, as section 4.1.4 asks', () => {
    expect(limitField({})).toBe('min-size=0')
    expect(limitField({ 'max-size': undefined })).toBe('min-size=0')
  })
})

describe('digests of RFC 9530', () => {
  test('digests are read in all algorithms that can be checked, and others are ignored', () => {
    const value = `md5=:AAAA:, sha-256=:${SHA256.toString('base64')}:, sha-512=:${SHA512.toString('base64')}:`
    expect(digestField(value)).toEqual([
      { algorithm: 'sha256', value: SHA256.toString('hex') },
      { algorithm: 'sha512', value: SHA512.toString('hex') },
    ])
  })

  test('the last one of two digests with one key is read', () => {
    const value = `sha-256=:AAAA:, sha-256=:${SHA256.toString('base64')}:`
    expect(digestField(value)).toEqual([{ algorithm: 'sha256', value: SHA256.toString('hex') }])
    expect(malformedDigest(value)).toBeUndefined()
  })

  test.each([
    ['sha-256=::', { name: 'sha-256', bytes: 32 }],
    ['sha-256=:====:', { name: 'sha-256', bytes: 32 }],
    [`sha-512=:${SHA256.toString('base64')}:`, { name: 'sha-512', bytes: 64 }],
    [`sha-256=:${SHA256.toString('base64')}:`, undefined],
    ['md5=:AAAA:', undefined],
    [undefined, undefined],
  ])('malformedDigest() checks the length of each digest: %j returns %j', (value, malformed) => {
    expect(malformedDigest(value)).toEqual(malformed)
  })

  test.each([
    undefined,
    '',
    'sha-256=abc',
    'md5=:AAAA:',
    'sha=:AAAA:',
    `note="sha-256=:${SHA256.toString('base64')}:"`,
    `x.sha-256=:${SHA256.toString('base64')}:`,
    `sha-256=:${SHA256.toString('base64')}:, sha-512=abc`,
    `sha-256=:${SHA256.toString('base64')}:,`,
  ])('digestField() reads no digest from %j', (value) => {
    expect(digestField(value)).toEqual([])
  })

  test('digests that reprDigest() writes are read by digestField()', () => {
    const hex = { sha256: SHA256.toString('hex'), sha512: SHA512.toString('hex') }
    expect(
      Object.fromEntries(digestField(reprDigest(hex)).map(({ algorithm, value }) => [algorithm, value])),
    ).toEqual(hex)
  })

  test('a digest without a name in RFC 9530 is not written', () => {
    expect(reprDigest({ blake2b512: '00' })).toBeUndefined()
    expect(reprDigest({})).toBeUndefined()
  })

  test.each([
    ['sha-256=1', 'sha256'],
    ['sha-256=3, sha-512=10', 'sha512'],
    ['sha-256=3, sha-512=3', 'sha256'],
    ['sha-256=0', undefined],
    ['md5=10', undefined],
    ['md5="sha-256=9"', undefined],
    ['sha-256=11', undefined],
    ['sha-256=1, sha-512=0.9', undefined],
    [undefined, undefined],
  ])('the digest that a Want-Repr-Digest of %j prefers is %s', (value, algorithm) => {
    expect(wantedDigest(value)).toBe(algorithm)
  })
})
