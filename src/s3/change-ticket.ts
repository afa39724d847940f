// One change of a ticket's record: claim, discard, retry. Guarantee: of several that meet, one succeeds; the others see
// what it did and decide again from there.

import { hostname } from 'node:os'
import { deadError, goneError } from '../claimable/handoff-record.ts'
import { TempFileError } from '../errors.ts'
import { ClaimLease } from './claim-lease.ts'
import type { Seen } from './records.ts'
import { type Budget, budgetOf, UNDO_MS } from './retry.ts'
import { storeTime } from './server-time.ts'
import type { Store } from './store.ts'
import type { TicketRecord } from './ticket-record.ts'
import { claimNext, type Next, type Refusal, releaseNext } from './transitions.ts'

export interface Change {
  readonly before: Seen
  readonly after: Seen
}

/** Repeats until no other change comes in between. @throws ERR_TEMP_HANDOFF_GONE, _HANDOFF_CLAIMED, _HANDOFF_DEAD, _HANDOFF_CORRUPT */
export async function changeTicket(
  { records }: Store,
  ticket: string,
  budget: Budget,
  next: (record: TicketRecord, nowMs: number) => Next,
): Promise<Change> {
  for (;;) {
    const before = await records.read(ticket, budget)
    if (before === undefined) throw goneError()
    const step = next(before.record, storeTime(before.moment))
    if ('refused' in step) throw refusal(step.refused, before.record)
    const swap = await records.swap(before, step.to, budget)
    if (swap.won) return { before, after: swap.seen }
  }
}

/** Claims a ticket. The lease is renewed by itself from now on, and given back when `closing` aborts. */
export async function takeTicket(
  store: Store,
  ticket: string,
  budget: Budget,
  closing?: AbortSignal | undefined,
): Promise<ClaimLease> {
  const claimant = { pid: process.pid, hostname: hostname() }
  let tried: TicketRecord | undefined
  const { before, after } = await changeTicket(store, ticket, budget, (record, nowMs) => {
    const next = claimNext(record, nowMs, store.leaseMs, claimant)
    if ('to' in next) tried = next.to
    return next
  }).catch(async (error: unknown) => {
    if (budget.signal?.aborted === true && tried !== undefined) await undoClaim(store, tried).catch(() => {}) // its lease will end
    throw error
  })
  const { record } = after
  if (record.state !== 'claimed') throw refusal('dead', record)
  const lease: ClaimLease = new ClaimLease(store.records, {
    // It counts from the read whose Date it was computed from, not from the later answer of the write.
    seen: { ...after, moment: before.moment },
    record,
    leaseMs: store.leaseMs,
    timeoutMs: store.timeoutMs,
    closing,
    onEnd: () => store.leases.delete(lease),
    deleteData: () => store.deleteData(record),
  })
  store.leases.add(lease)
  return lease
}

/** After an abort: a claim whose answer was not waited for may have been stored. */
async function undoClaim({ records }: Store, { ticket, nonce }: TicketRecord): Promise<void> {
  const budget = budgetOf(UNDO_MS)
  const seen = await records.read(ticket, budget)
  if (seen?.record.nonce !== nonce) return
  const step = releaseNext(seen.record, seen.record.attempt, storeTime(seen.moment), undefined)
  if ('to' in step) await records.swap(seen, step.to, budget)
}

function refusal(refused: Refusal, record: TicketRecord): TempFileError {
  if (refused === 'gone' || record.state === 'done') return goneError()
  if (refused === 'dead') return deadError(record.attempt, record.lastError)
  const { pid, hostname: host } = record.claimant ?? { pid: 0, hostname: 'an unknown host' }
  const since = new Date(record.sinceMs).toISOString()
  return new TempFileError(
    'ERR_TEMP_HANDOFF_CLAIMED',
    `The handoff is claimed by process ${pid} on ${host} since ${since}. Try again later: if its worker stops, it comes back when the lease ends.`,
    { details: { pid, hostname: host, claimedAtMs: record.sinceMs, verdict: 'alive' } },
  )
}
