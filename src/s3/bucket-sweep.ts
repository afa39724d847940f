// Removes objects that are no longer needed. Guarantee: nothing that can still be claimed is removed, except a ticket whose
// time to live is over; each decision that removes data is first stored as a tombstone, by compare-and-swap.
//
//   tombstone            data deleted at once, the tombstone itself after `tombstonesAfter`
//   ticket past its TTL  becomes a tombstone (a GET only when the listing shows that it may be)
//   data, no record      after `orphansAfter`: a tombstone first, so that a late publisher is refused
//   multipart upload     aborted after `uploadsAfter`
//
// A sweep starts at a random ticket and wraps around: sweeps that are cut by their time limit cover the bucket together.

import { randomText } from '../layout.ts'
import { inParallel } from './parallel.ts'
import type { Seen } from './records.ts'
import { type Budget, budgetOf, repeat } from './retry.ts'
import type { SweepSettings } from './s3-options.ts'
import { storeTime } from './server-time.ts'
import type { Store } from './store.ts'
import { failureOf, storeError } from './store-failure.ts'
import { type TicketRecord, TOMBSTONE_BYTES, type Tombstone, tombstoneOf } from './ticket-record.ts'
import { type ListedTicket, type TicketPage, ticketPages } from './tickets.ts'
import { expireNext } from './transitions.ts'

/** One thing that a sweep removed, kept or could not handle. */
export interface S3SweepItem {
  /** Undefined for what belongs to a probe. */
  readonly ticket: string | undefined
  readonly action: 'removed' | 'would-remove' | 'kept' | 'failed'
  readonly reason: string
  readonly bytes: number
}

export interface S3SweepReport {
  readonly items: readonly S3SweepItem[]
  /** Tickets that the listing showed. */
  readonly tickets: number
  /** Bytes of data that were deleted. */
  readonly bytes: number
  /** false: the time limit was reached first. */
  readonly finished: boolean
}

/** A store, and what to remove from it. */
type SweepPlan = Pick<Store, 'bucket' | 'keys' | 'records' | 'timeoutMs'> & SweepSettings

export async function sweepBucket(store: Store, settings: SweepSettings): Promise<S3SweepReport> {
  const { bucket, keys, records, timeoutMs } = store
  const plan: SweepPlan = { ...settings, bucket, keys, records, timeoutMs }
  const items: S3SweepItem[] = []
  const end = performance.now() + plan.timeLimitMs
  let tickets = 0
  const allUploads = await abortOldUploads(plan, end, items)
  const allTickets = await eachPage(plan, end, async (page) => {
    tickets += page.tickets.length
    await inParallel(page.tickets, async (listed) => {
      const item = await sweepTicket(plan, listed, page.nowMs)
      if (item !== undefined) items.push(item)
    })
    await removeProbes(plan, page, items)
  })
  const bytes = items.reduce((sum, item) => (item.action === 'removed' ? sum + item.bytes : sum), 0)
  return { items, tickets, bytes, finished: allUploads && allTickets }
}

/** From a random place to the end, then from the beginning to that place. Resolves with false when time was up. */
async function eachPage(
  plan: SweepPlan,
  end: number,
  visit: (page: TicketPage) => Promise<void>,
): Promise<boolean> {
  const { keys } = plan
  const middle = randomText(2)
  for (const half of [keys.prefix + middle, undefined]) {
    for await (const page of ticketPages(plan, half, plan.signal)) {
      plan.signal?.throwIfAborted()
      const before = half === undefined ? page.tickets.filter(({ ticket }) => ticket < middle) : page.tickets
      await visit({ ...page, tickets: before })
      if (performance.now() >= end) return false
      if (before.length < page.tickets.length) break
    }
  }
  return true
}

async function sweepTicket(
  plan: SweepPlan,
  listed: ListedTicket,
  nowMs: number,
): Promise<S3SweepItem | undefined> {
  const { ticket } = listed
  const bytes = listed.data.reduce((sum, { bytes }) => sum + bytes, 0)
  try {
    const reason = await judge(plan, listed, nowMs)
    if (reason === undefined) return undefined
    if ('kept' in reason) return { ticket, action: 'kept', reason: reason.kept, bytes }
    return { ticket, action: plan.dryRun ? 'would-remove' : 'removed', reason: reason.removed, bytes }
  } catch (error) {
    plan.signal?.throwIfAborted()
    return { ticket, action: 'failed', reason: storeError(error, 'sweep this ticket', 'read').message, bytes }
  }
}

type Judgement = { readonly removed: string } | { readonly kept: string } | undefined

async function judge(plan: SweepPlan, listed: ListedTicket, nowMs: number): Promise<Judgement> {
  const { record, data } = listed
  const [first] = data
  if (record === undefined) {
    if (first === undefined || ageOf(first.modifiedMs, nowMs) < plan.orphansAfterMs) return undefined
    return await removeOrphan(plan, listed, nowMs)
  }
  const age = ageOf(record.modifiedMs, nowMs)
  if (record.bytes <= TOMBSTONE_BYTES) {
    if (data.length === 0 && age < plan.tombstonesAfterMs) return undefined
    return await removeTombstone(plan, listed, age)
  }
  if (first === undefined) return { kept: 'its data is not in the bucket' }
  // Each change of a record resets its age, so a ticket that is younger than its TTL needs no look.
  return age < first.ttlMs ? undefined : await expire(plan, listed)
}

async function removeOrphan(plan: SweepPlan, listed: ListedTicket, nowMs: number): Promise<Judgement> {
  if (!plan.dryRun) {
    const tombstone = tombstoneOf(listed.ticket, 'orphan', 0, nowMs)
    const swap = await plan.records.swap(undefined, tombstone, budgetFor(plan))
    if (!swap.won) return undefined // published meanwhile
    await deleteData(plan, listed)
  }
  return { removed: 'data without a record' }
}

async function removeTombstone(plan: SweepPlan, listed: ListedTicket, age: number): Promise<Judgement> {
  const seen = await plan.records.read(listed.ticket, budgetFor(plan))
  if (seen !== undefined && seen.record.state !== 'done') return undefined
  if (!plan.dryRun) {
    await deleteData(plan, listed)
    // Nothing follows a tombstone, so it can be deleted without a condition.
    if (age >= plan.tombstonesAfterMs) await plan.bucket.delete(plan.keys.record(listed.ticket), plan)
  }
  return { removed: `tombstone: ${whyOf(seen?.record)}` }
}

async function expire(plan: SweepPlan, listed: ListedTicket): Promise<Judgement> {
  const budget = budgetFor(plan)
  const seen: Seen | undefined = await plan.records.read(listed.ticket, budget)
  if (seen === undefined) return undefined
  const next = expireNext(seen.record, storeTime(seen.moment))
  if ('refused' in next) return seen.record.state === 'dead' ? { kept: 'dead letter' } : undefined
  if (!plan.dryRun) {
    const swap = await plan.records.swap(seen, next.to, budget)
    if (!swap.won) return undefined // claimed meanwhile
    await deleteData(plan, listed)
    if (plan.tombstonesAfterMs === 0) await plan.bucket.delete(plan.keys.record(listed.ticket), plan)
  }
  return { removed: 'its time to live is over' }
}

function whyOf(record: TicketRecord | undefined): Tombstone['why'] | 'removed' {
  return record?.state === 'done' ? record.why : 'removed'
}

async function deleteData({ bucket, timeoutMs, signal }: SweepPlan, { data }: ListedTicket): Promise<void> {
  for (const { key } of data) await bucket.delete(key, { timeoutMs, signal })
}

async function removeProbes(
  plan: SweepPlan,
  { probes, nowMs }: TicketPage,
  items: S3SweepItem[],
): Promise<void> {
  for (const probe of probes) {
    if (ageOf(probe.modifiedMs, nowMs) < plan.orphansAfterMs) continue
    const item = { ticket: undefined, reason: 'object of an interrupted probe', bytes: probe.bytes }
    await removeOne(plan, item, items, () => plan.bucket.delete(probe.key, plan))
  }
}

/** Resolves with false when time was up before the last page; the tickets still get a page of their own. */
async function abortOldUploads(plan: SweepPlan, end: number, items: S3SweepItem[]): Promise<boolean> {
  const { bucket, keys } = plan
  for (let start: Parameters<typeof bucket.openUploads>[1]; ; ) {
    const { value, moment } = await repeat(budgetFor(plan), () =>
      bucket.openUploads(keys.prefix, start, plan),
    )
    await inParallel(value.items, async (upload) => {
      const parsed = keys.parse(upload.key)
      if (parsed?.kind !== 'data' || ageOf(upload.startedMs, moment.dateMs) < plan.uploadsAfterMs) return
      const item = { ticket: parsed.ticket, reason: 'unfinished multipart upload', bytes: 0 }
      await removeOne(plan, item, items, () => bucket.abortUpload(upload, plan))
    })
    if (value.next === undefined) return true
    if (performance.now() >= end) return false
    start = value.next
  }
}

/** A failure is an item of the report; what another sweep has removed meanwhile is none. */
async function removeOne(
  { dryRun, signal }: SweepPlan,
  item: Omit<S3SweepItem, 'action'>,
  items: S3SweepItem[],
  remove: () => Promise<void>,
): Promise<void> {
  try {
    if (!dryRun) await remove()
    items.push({ ...item, action: dryRun ? 'would-remove' : 'removed' })
  } catch (error) {
    signal?.throwIfAborted()
    if (failureOf(error) === 'missing') return
    items.push({
      ...item,
      action: 'failed',
      reason: storeError(error, `remove the ${item.reason}`, 'read').message,
    })
  }
}

/** Date has whole seconds, a listing milliseconds. */
function ageOf(thenMs: number, nowMs: number): number {
  return Math.max(0, nowMs - thenMs)
}

function budgetFor({ timeoutMs, signal }: SweepPlan): Budget {
  return budgetOf(timeoutMs, signal)
}
