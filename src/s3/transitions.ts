// The protocol of a ticket as a pure state machine: what a record becomes, given the record and the store's time.
// Guarantee: `attempt` grows with every claim and never decreases, and nothing follows a tombstone. The model check
// (test/s3/model.test.ts) explores exactly these functions.
//
//   available -> claimed -> available | dead | done     dead -> available (retry) | done (discard)
//   a claim whose lease has ended counts as available

import {
  type LiveRecord,
  newNonce,
  type TicketClaimant,
  type TicketRecord,
  tombstoneOf,
} from './ticket-record.ts'

export type Refusal = 'gone' | 'claimed' | 'dead' | 'lost'
export type Next = { readonly to: TicketRecord } | { readonly refused: Refusal }

/** Whether a claim's lease has ended. The end itself still belongs to the holder. */
export function leaseEnded(record: LiveRecord, nowMs: number): boolean {
  return record.state === 'claimed' && nowMs > (record.untilMs ?? 0)
}

/** A claim by `claimant`; of a ticket whose attempts are used up: its dead letter. */
export function claimNext(
  record: TicketRecord,
  nowMs: number,
  leaseMs: number,
  claimant: TicketClaimant,
): Next {
  if (record.state === 'done') return { refused: 'gone' }
  if (record.state === 'dead') return { refused: 'dead' }
  if (record.state === 'claimed' && !leaseEnded(record, nowMs)) return { refused: 'claimed' }
  if (isExhausted(record)) return { to: deadLetter(record, nowMs, record.lastError ?? 'its holder stopped') }
  const { lastError, ...kept } = record
  return {
    to: {
      ...kept,
      ...(lastError === undefined ? {} : { lastError }),
      state: 'claimed',
      sinceMs: nowMs,
      untilMs: nowMs + leaseMs,
      attempt: record.attempt + 1,
      claimant,
      nonce: newNonce(),
    },
  }
}

/** Whether `record` is still the claim with fencing number `attempt`. */
export function isHeldBy(record: TicketRecord, attempt: number): record is LiveRecord {
  return record.state === 'claimed' && record.attempt === attempt
}

/** A longer lease, also after its end as long as nobody has claimed in between. */
export function renewNext(record: TicketRecord, attempt: number, nowMs: number, leaseMs: number): Next {
  if (!isHeldBy(record, attempt)) return { refused: 'lost' }
  return { to: { ...record, untilMs: nowMs + leaseMs, nonce: newNonce() } }
}

/** The holder gives it back; after its last attempt it is a dead letter. */
export function releaseNext(
  record: TicketRecord,
  attempt: number,
  nowMs: number,
  lastError: string | undefined,
): Next {
  if (!isHeldBy(record, attempt)) return { refused: 'lost' }
  if (isExhausted(record))
    return { to: deadLetter(record, nowMs, lastError ?? 'released after its last attempt') }
  return { to: available(record, nowMs, lastError) }
}

/** The holder has finished. */
export function completeNext(record: TicketRecord, attempt: number, nowMs: number): Next {
  if (!isHeldBy(record, attempt)) return { refused: 'lost' }
  return { to: tombstoneOf(record.ticket, 'completed', attempt, nowMs) }
}

/** A dead letter becomes available; its attempts so far are forgiven, its fencing number is kept. */
export function retryNext(record: TicketRecord, nowMs: number): Next {
  if (record.state === 'done') return { refused: 'gone' }
  if (record.state === 'claimed' && !leaseEnded(record, nowMs)) return { refused: 'claimed' }
  return { to: { ...available(record, nowMs, record.lastError), forgiven: record.attempt } }
}

/** Removal of what nobody holds, dead letters included. */
export function discardNext(record: TicketRecord, nowMs: number): Next {
  if (record.state === 'done') return { refused: 'gone' }
  if (record.state === 'claimed' && !leaseEnded(record, nowMs)) return { refused: 'claimed' }
  return { to: tombstoneOf(record.ticket, 'discarded', record.attempt, nowMs) }
}

/** Removal of what has waited longer than its time to live. Dead letters are kept. */
export function expireNext(record: TicketRecord, nowMs: number): Next {
  if (record.state === 'done') return { refused: 'gone' }
  const expiresAtMs = expiryOf(record)
  if (expiresAtMs === undefined || nowMs <= expiresAtMs) return { refused: 'claimed' }
  return { to: tombstoneOf(record.ticket, 'expired', record.attempt, nowMs) }
}

/** When a sweep may remove it: its TTL counts from when it became available, and from the end of a lost lease. */
export function expiryOf(record: LiveRecord): number | undefined {
  if (record.state === 'dead') return undefined
  const waitingSince = record.state === 'claimed' ? (record.untilMs ?? 0) : record.sinceMs
  return waitingSince + record.ttlMs
}

function isExhausted(record: LiveRecord): boolean {
  const { maxAttempts, attempt, forgiven = 0 } = record
  return maxAttempts !== undefined && attempt - forgiven >= maxAttempts
}

function available(record: LiveRecord, nowMs: number, lastError: string | undefined): LiveRecord {
  const { claimant, untilMs, lastError: _, ...kept } = record
  return {
    ...kept,
    ...(lastError === undefined ? {} : { lastError }),
    state: 'available',
    sinceMs: nowMs,
    nonce: newNonce(),
  }
}

function deadLetter(record: LiveRecord, nowMs: number, lastError: string): LiveRecord {
  return { ...available(record, nowMs, lastError), state: 'dead' }
}
