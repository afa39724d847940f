// The data of a claim, into the manager's session. Guarantee: a download that fails leaves no file, and gives the ticket
// back with the reason.

import { getTempManager, type TempFile } from '../index.ts'
import { joinSignals } from '../runtime/abort.ts'
import type { ClaimLease } from './claim-lease.ts'
import { downloadOf } from './download.ts'
import type { Store } from './store.ts'
import { storeError } from './store-failure.ts'

/** The bytes of a claim, from the first on. */
export function dataOf(store: Store, { record }: ClaimLease, signal: AbortSignal): AsyncIterable<Uint8Array> {
  const { bucket, keys, timeoutMs } = store
  return downloadOf(bucket, keys.data(record.ticket, record.ttlMs), record, { timeoutMs, signal })
}

export async function receiveData(
  store: Store,
  lease: ClaimLease,
  signal: AbortSignal | undefined,
): Promise<TempFile> {
  const { name, bytes: expectedBytes } = lease.record
  const stop = joinSignals(lease.signal, signal)
  try {
    const manager = store.manager ?? getTempManager()
    return await manager.receive(dataOf(store, lease, stop.signal), {
      name,
      expectedBytes,
      signal: stop.signal,
    })
  } catch (error) {
    const failure = storeError(error, 'download the claimed file', 'read')
    await lease.release(failure).catch(() => {}) // its lease will end
    throw failure
  } finally {
    stop.detach()
  }
}
