// Publishing to the bucket. Guarantee: the record, which makes the ticket claimable, is stored after all of its data; and
// data whose record may still arrive is not deleted.
//   1. upload the data
//   2. create the record: PUT with If-None-Match: *; when that fails, a tombstone in its place, and then delete the data

import { TempFileError } from '../errors.ts'
import type { Json, TempFile } from '../index.ts'
import { displayName } from '../input/names.ts'
import { randomText, TICKET_BYTES } from '../layout.ts'
import { budgetOf, UNDO_MS } from './retry.ts'
import { storeTime } from './server-time.ts'
import type { Store } from './store.ts'
import { type LiveRecord, newNonce, tombstoneOf } from './ticket-record.ts'
import { uploadFile } from './upload-file.ts'

/** The sources that can be published. */
export type PublishableFile = Pick<TempFile, 'kind' | 'path' | 'name' | 'remove'>

export interface PublishSettings {
  readonly ttlMs: number
  readonly maxAttempts: number | undefined
  readonly meta: Json | undefined
  readonly signal: AbortSignal | undefined
}

/** Returns the ticket. */
export async function publishTicket(
  store: Store,
  file: PublishableFile,
  settings: PublishSettings,
): Promise<string> {
  const { signal, ttlMs, maxAttempts, meta } = settings
  const ticket = randomText(TICKET_BYTES)
  const key = store.keys.data(ticket, ttlMs)
  const { moment, ...uploaded } = await uploadFile(store.bucket, key, file.path, store.limits(signal))
  const nowMs = storeTime(moment)
  const record: LiveRecord = {
    ticket,
    ...uploaded,
    name: displayName(file.name),
    ttlMs,
    ...(maxAttempts === undefined ? {} : { maxAttempts }),
    ...(meta === undefined ? {} : { meta }),
    publishedAtMs: nowMs,
    state: 'available',
    sinceMs: nowMs,
    attempt: 0,
    nonce: newNonce(),
  }
  const swap = await store.records
    .swap(undefined, record, store.budget(signal))
    .catch(async (error: unknown) => {
      await withdraw(store, record).catch(() => {})
      throw error
    })
  if (swap.won) return ticket
  await store.deleteData(record)
  throw new TempFileError(
    'ERR_TEMP_UPLOAD_FAILED',
    'Could not publish the handoff: the upload took so long that a sweep removed it as an orphan. Try again, or raise orphansAfter.',
  )
}

/**
 * After a failure the record may be there, or arrive yet: nobody knows its ticket. Only a tombstone in its place allows to
 * delete the data; without one the data stays, for a sweep.
 */
async function withdraw({ records, bucket, keys }: Store, record: LiveRecord): Promise<void> {
  const { ticket, ttlMs, nonce, sinceMs } = record
  const tombstone = tombstoneOf(ticket, 'discarded', 0, sinceMs)
  const budget = budgetOf(UNDO_MS)
  let swap = await records.swap(undefined, tombstone, budget)
  if (!swap.won && swap.seen?.record.nonce === nonce) swap = await records.swap(swap.seen, tombstone, budget)
  if (swap.won) await bucket.delete(keys.data(ticket, ttlMs), { timeoutMs: UNDO_MS })
}

/** @throws ERR_TEMP_OPTION_INVALID for a directory, or what is not a temp */
export function requireFile(file: PublishableFile): void {
  if (file?.kind === 'file' && typeof file.path === 'string' && typeof file.remove === 'function') return
  throw new TempFileError(
    'ERR_TEMP_OPTION_INVALID',
    'handOff needs a TempFile. A directory does not travel between hosts: pack it into a file first.',
    { details: { option: 'file' } },
  )
}
