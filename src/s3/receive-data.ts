// The data of a claim, into the manager's session. Guarantee: a download that fails leaves no file, and gives the ticket
// back with the reason.

import type { TempFile, TempFileManager } from '../index.ts'
import { joinSignals } from '../runtime/abort.ts'
import type { ClaimLease } from './claim-lease.ts'
import { ContentStream } from './content-stream.ts'
import { UNDO_MS } from './retry.ts'
import type { Store } from './store.ts'
import { storeError } from './store-failure.ts'

/** A claim's content as a stream, from the first byte on. */
export function streamData(store: Store, lease: ClaimLease): ContentStream {
  return contentOf(store, lease, lease.signal)
}

function contentOf(
  { bucket, keys, timeoutMs }: Store,
  { record }: ClaimLease,
  signal: AbortSignal,
): ContentStream {
  const key = keys.data(record.ticket, record.ttlMs)
  return new ContentStream({ bucket, key, record }, { timeoutMs, signal })
}

export async function receiveData(
  store: Store,
  lease: ClaimLease,
  manager: TempFileManager,
  signal: AbortSignal | undefined,
): Promise<TempFile> {
  const { name, bytes: expectedBytes } = lease.record
  const stop = joinSignals(lease.signal, signal)
  try {
    return await manager.receive(contentOf(store, lease, stop.signal), {
      name,
      expectedBytes,
      signal: stop.signal,
    })
  } catch (error) {
    const failure = storeError(error, 'download the claimed file', 'read')
    const patience = signal?.aborted === true ? UNDO_MS : undefined
    await lease.giveBack(failure, patience).catch(() => {}) // its lease will end
    throw failure
  } finally {
    stop.detach()
  }
}
