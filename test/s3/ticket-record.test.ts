import { describe, expect, it } from 'vitest'
import { reasonText } from '../../src/claimable/last-error.ts'
import {
  decodeRecord,
  encodeRecord,
  type LiveRecord,
  MAX_RECORD_BYTES,
  TOMBSTONE_BYTES,
  tombstoneOf,
} from '../../src/s3/ticket-record.ts'

const TICKET = '0123456789abcdefghjkmnpqrs'
const SMALLEST: LiveRecord = {
  ticket: TICKET,
  name: 'a',
  bytes: 0,
  partBytes: 1,
  digest: '0'.repeat(64),
  ttlMs: 0,
  publishedAtMs: 0,
  state: 'dead',
  sinceMs: 0,
  attempt: 0,
  nonce: '',
}

describe('records in the bucket', () => {
  it('a record in the bucket is read as it was written', () => {
    const record = { ...SMALLEST, meta: { a: ['ü'] }, maxAttempts: 3, lastError: 'x' }
    expect(decodeRecord(encodeRecord(record), TICKET)).toEqual({ record: { v: 1, ...record } })
  })

  it('a record in the bucket shows by its size whether it is a tombstone', () => {
    expect(encodeRecord(SMALLEST).length).toBeGreaterThan(TOMBSTONE_BYTES)
    const longest = tombstoneOf(TICKET, 'completed', Number.MAX_SAFE_INTEGER, Number.MAX_SAFE_INTEGER)
    expect(encodeRecord(longest).length).toBeLessThanOrEqual(TOMBSTONE_BYTES)
  })

  it('a record with the largest meta and error is within the limit of what is read', () => {
    const record = {
      ...SMALLEST,
      name: 'n'.repeat(255),
      meta: 'm'.repeat(65_534),
      lastError: reasonText('\u0001'.repeat(9999)),
    }
    expect(encodeRecord(record).length).toBeLessThan(MAX_RECORD_BYTES)
  })

  it.each([
    ['it is not JSON', '{'],
    ['it is not an object', '3'],
    ['it has no version', '{}'],
    ['it was written by another version of this package', '{"v":2}'],
    ['it is the record of another ticket', '{"v":1,"ticket":"x"}'],
    ['its member state is wrong', JSON.stringify({ v: 1, ...SMALLEST, state: 'open' })],
    ['its member name is wrong', JSON.stringify({ v: 1, ...SMALLEST, name: '../x' })],
    ['its member bytes is wrong', JSON.stringify({ v: 1, ...SMALLEST, bytes: -1 })],
    ['its member partBytes is wrong', JSON.stringify({ v: 1, ...SMALLEST, partBytes: 0 })],
    ['its member digest is wrong', JSON.stringify({ v: 1, ...SMALLEST, digest: 'x' })],
    ['its claim has no end', JSON.stringify({ v: 1, ...SMALLEST, state: 'claimed' })],
    ['its meta is too large', JSON.stringify({ v: 1, ...SMALLEST, meta: 'm'.repeat(70_000) })],
  ])('a record is refused because %s', (problem, text) => {
    expect(decodeRecord(Buffer.from(text), TICKET)).toEqual({ problem })
  })
})
