// A ticket's record for tests without a store. All times are in milliseconds of no particular clock.

import type { LiveRecord } from '../../src/s3/ticket-record.ts'

export const AVAILABLE: LiveRecord = {
  ticket: '0123456789abcdefghjkmnpqrs',
  name: 'a',
  bytes: 1,
  partBytes: 1,
  digest: '',
  ttlMs: 100,
  publishedAtMs: 0,
  state: 'available',
  sinceMs: 0,
  attempt: 0,
  nonce: 'n',
}
