import { describe, expect, it } from 'vitest'
import type { LiveRecord } from '../../src/s3/ticket-record.ts'
import {
  claimNext,
  completeNext,
  discardNext,
  expireNext,
  releaseNext,
  renewNext,
  retryNext,
} from '../../src/s3/transitions.ts'
import { AVAILABLE } from './records-of.ts'

const CLAIMANT = { pid: 1, hostname: 'a' }
const CLAIMED: LiveRecord = {
  ...AVAILABLE,
  state: 'claimed',
  attempt: 3,
  sinceMs: 5,
  untilMs: 10,
  claimant: CLAIMANT,
}
const DEAD: LiveRecord = { ...AVAILABLE, state: 'dead', attempt: 3, maxAttempts: 3 }
const DONE = {
  ticket: AVAILABLE.ticket,
  state: 'done',
  why: 'completed',
  sinceMs: 5,
  attempt: 3,
  nonce: 'n',
} as const

describe('transitions of a record', () => {
  it.each([
    [
      'claim of an available one',
      claimNext(AVAILABLE, 7, 60, CLAIMANT),
      { to: { state: 'claimed', attempt: 1, sinceMs: 7, untilMs: 67 } },
    ],
    ['claim while a lease lasts', claimNext(CLAIMED, 10, 60, CLAIMANT), { refused: 'claimed' }],
    ['claim after its end', claimNext(CLAIMED, 11, 60, CLAIMANT), { to: { state: 'claimed', attempt: 4 } }],
    ['claim of a dead letter', claimNext(DEAD, 11, 60, CLAIMANT), { refused: 'dead' }],
    ['claim of a tombstone', claimNext(DONE, 11, 60, CLAIMANT), { refused: 'gone' }],
    [
      'claim past maxAttempts',
      claimNext({ ...CLAIMED, maxAttempts: 3 }, 11, 60, CLAIMANT),
      { to: { state: 'dead', attempt: 3 } },
    ],
    [
      'renewal by its holder',
      renewNext(CLAIMED, 3, 9, 60),
      { to: { state: 'claimed', attempt: 3, untilMs: 69 } },
    ],
    ['renewal by an earlier holder', renewNext(CLAIMED, 2, 9, 60), { refused: 'lost' }],
    [
      'release',
      releaseNext(CLAIMED, 3, 9, 'why'),
      { to: { state: 'available', attempt: 3, sinceMs: 9, lastError: 'why' } },
    ],
    [
      'release of the last attempt',
      releaseNext({ ...CLAIMED, maxAttempts: 3 }, 3, 9, 'why'),
      { to: { state: 'dead', lastError: 'why' } },
    ],
    ['completion by its holder', completeNext(CLAIMED, 3, 9), { to: { state: 'done', why: 'completed' } }],
    ['completion by an earlier holder', completeNext(CLAIMED, 2, 9), { refused: 'lost' }],
    ['retry of a dead letter', retryNext(DEAD, 9), { to: { state: 'available', attempt: 3, forgiven: 3 } }],
    ['retry of a claimed one', retryNext(CLAIMED, 9), { refused: 'claimed' }],
    ['discard of a dead letter', discardNext(DEAD, 9), { to: { state: 'done', why: 'discarded' } }],
    ['expiry before its time', expireNext(AVAILABLE, 100), { refused: 'claimed' }],
    ['expiry after it', expireNext(AVAILABLE, 101), { to: { state: 'done', why: 'expired' } }],
    ['expiry of a lost lease: from its end', expireNext(CLAIMED, 110), { refused: 'claimed' }],
    ['expiry of a dead letter', expireNext(DEAD, 1e9), { refused: 'claimed' }],
  ])('a record changes only as the protocol allows: %s', (_, next, expected) => {
    expect(next).toMatchObject(expected)
  })

  it('a record has another nonce after each change', () => {
    const nonces = [
      renewNext(CLAIMED, 3, 9, 60),
      renewNext(CLAIMED, 3, 9, 60),
      releaseNext(CLAIMED, 3, 9, undefined),
    ].map((next) => ('to' in next ? next.to.nonce : undefined))
    expect(new Set([...nonces, 'n']).size).toBe(4)
  })

  it('a record that was retried has all its attempts again, and its fencing number goes on', () => {
    const retried = retryNext(DEAD, 9)
    const record = 'to' in retried ? retried.to : DEAD
    const claimed = claimNext(record, 10, 60, CLAIMANT)
    expect(claimed).toMatchObject({ to: { state: 'claimed', attempt: 4 } })
  })

  it('a record keeps neither its claimant nor the end of its lease when it is given back', () => {
    const next = releaseNext(CLAIMED, 3, 9, undefined)
    expect('to' in next && Object.keys(next.to)).not.toEqual(expect.arrayContaining(['claimant']))
    expect('to' in next && Object.keys(next.to)).not.toEqual(expect.arrayContaining(['untilMs']))
  })
})
