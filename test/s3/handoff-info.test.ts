import { expect, it } from 'vitest'
import { infoOf } from '../../src/s3/handoff-info.ts'
import type { LiveRecord } from '../../src/s3/ticket-record.ts'
import { AVAILABLE } from './records-of.ts'

const RECORD: LiveRecord = {
  ...AVAILABLE,
  publishedAtMs: 1,
  state: 'claimed',
  sinceMs: 10,
  untilMs: 20,
  attempt: 2,
  claimant: { pid: 7, hostname: 'h' },
}

it('a claim is shown with its claimant, and as available once its lease has ended', () => {
  expect(infoOf(RECORD, 20)).toMatchObject({
    state: 'claimed',
    ageMs: 10,
    expiresInMs: undefined,
    claimant: { pid: 7, hostname: 'h', claimedAtMs: 10 },
  })
  expect(infoOf(RECORD, 21)).toMatchObject({ state: 'available', expiresInMs: 99, claimant: undefined })
})

it('a dead letter has no end, and a corrupt record names its problem', () => {
  expect(infoOf({ ...RECORD, state: 'dead', lastError: 'e' }, 21)).toMatchObject({
    state: 'dead',
    expiresInMs: undefined,
    lastError: 'e',
  })
  expect(infoOf({ ticket: 't', problem: 'p' }, 0)).toMatchObject({
    state: 'corrupt',
    problem: 'p',
    kind: undefined,
  })
})
