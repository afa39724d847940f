// The tickets of a bucket, from its listing. Guarantee: one LIST for 500 tickets, and no other request; listings are
// paged, so memory does not grow with the bucket.

import { isTempFileError } from '../errors.ts'
import type { Listed } from './bucket.ts'
import { infoOf, type S3HandoffInfo } from './handoff-info.ts'
import type { Keys } from './keys.ts'
import { inParallel } from './parallel.ts'
import { budgetOf, repeat } from './retry.ts'
import { storeTime } from './server-time.ts'
import type { Store } from './store.ts'
import { TOMBSTONE_BYTES } from './ticket-record.ts'

/** One ticket, as the listing shows it. */
export interface ListedTicket {
  readonly ticket: string
  readonly record: Listed | undefined
  readonly data: readonly (Listed & { readonly ttlMs: number })[]
}

export interface TicketPage {
  readonly tickets: readonly ListedTicket[]
  readonly probes: readonly Listed[]
  /** The store's time when it answered. */
  readonly nowMs: number
}

/** Pages of whole tickets behind `after` (a key): a ticket that is cut by a page's end comes with the next page. */
export async function* ticketPages(
  { bucket, keys, timeoutMs }: Pick<Store, 'bucket' | 'keys' | 'timeoutMs'>,
  after: string | undefined,
  signal?: AbortSignal | undefined,
): AsyncGenerator<TicketPage, void> {
  let cut: Listed[] = []
  for (let start = after; ; ) {
    const { value, moment } = await repeat(budgetOf(timeoutMs, signal), () =>
      bucket.list(keys.prefix, start, { timeoutMs, signal }),
    )
    const items = [...cut, ...value.items]
    cut = value.next === undefined ? [] : takeLastTicket(items, keys)
    yield { ...group(items, keys), nowMs: moment.dateMs }
    if (value.next === undefined) return
    start = value.next
  }
}

/** One ticket, as inspect() returns it; undefined when it has ended. */
export async function readInfo(store: Store, ticket: string): Promise<S3HandoffInfo | undefined> {
  try {
    const seen = await store.records.read(ticket, store.budget())
    if (seen === undefined || seen.record.state === 'done') return undefined
    return infoOf(seen.record, storeTime(seen.moment))
  } catch (error) {
    if (!isTempFileError(error) || error.code !== 'ERR_TEMP_HANDOFF_CORRUPT') throw error
    return infoOf({ ticket, problem: error.message }, 0)
  }
}

/** Up to `limit` tickets behind the ticket `after`, in alphabetical order. */
export async function listInfos(
  store: Store,
  limit: number,
  after: string | undefined,
): Promise<S3HandoffInfo[]> {
  const found: S3HandoffInfo[] = []
  // '~' sorts behind all that follows a ticket in a key.
  const start = after === undefined ? undefined : `${store.keys.prefix}${after}~`
  for await (const page of ticketPages(store, start)) {
    const tickets = page.tickets.filter(
      ({ record }) => record !== undefined && record.bytes > TOMBSTONE_BYTES,
    )
    // As many again as have ended since they were listed.
    while (tickets.length > 0 && found.length < limit)
      await inParallel(tickets.splice(0, limit - found.length), async ({ ticket }) => {
        const info = await readInfo(store, ticket)
        if (info !== undefined) found.push(info)
      })
    if (found.length >= limit) break
  }
  return found.sort((a, b) => (a.ticket < b.ticket ? -1 : 1))
}

/** Removes the objects of the last ticket from `items`, and returns them. */
function takeLastTicket(items: Listed[], keys: Keys): Listed[] {
  const last = ticketOf(
    items.findLast((item) => ticketOf(item, keys) !== undefined),
    keys,
  )
  const from = last === undefined ? -1 : items.findIndex((item) => ticketOf(item, keys) === last)
  return from === -1 ? [] : items.splice(from)
}

function ticketOf(item: Listed | undefined, keys: Keys): string | undefined {
  const parsed = item === undefined ? undefined : keys.parse(item.key)
  return parsed === undefined || parsed.kind === 'probe' ? undefined : parsed.ticket
}

function group(items: readonly Listed[], keys: Keys): { tickets: ListedTicket[]; probes: Listed[] } {
  const tickets = new Map<
    string,
    { ticket: string; record: Listed | undefined; data: (Listed & { ttlMs: number })[] }
  >()
  const probes: Listed[] = []
  for (const item of items) {
    const parsed = keys.parse(item.key)
    if (parsed === undefined) continue // foreign
    if (parsed.kind === 'probe') {
      probes.push(item)
      continue
    }
    const { ticket } = parsed
    const entry = tickets.get(ticket) ?? { ticket, record: undefined, data: [] }
    tickets.set(ticket, entry)
    if (parsed.kind === 'record') entry.record = item
    else entry.data.push({ ...item, ttlMs: parsed.ttlMs })
  }
  return { tickets: [...tickets.values()], probes }
}
