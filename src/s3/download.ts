// The bytes of a ticket, from the bucket. Guarantee: all of them with the digest of the record, or an error; a connection
// that breaks or falls silent is resumed by Range where it broke off.

import type { Readable } from 'node:stream'
import { nameOf, TempFileError } from '../errors.ts'
import { onAbort } from '../runtime/abort.ts'
import type { Bucket } from './bucket.ts'
import { PartDigest } from './part-digest.ts'
import { budgetOf, repeat } from './retry.ts'
import { failureOf, NoAnswer, statusOf } from './store-failure.ts'
import type { LiveRecord } from './ticket-record.ts'

/** It is repeated for this long without one more byte: longer than a store's restart takes. */
const PATIENCE_MS = 60_000

export interface DownloadLimits {
  /** Longest silence. */
  readonly timeoutMs: number
  readonly signal: AbortSignal
}

/**
 * @throws ERR_TEMP_HANDOFF_CORRUPT (the data is missing, or its digest is another); ERR_TEMP_TRUNCATED; what a request
 * rejects with
 */
export async function* downloadOf(
  bucket: Pick<Bucket, 'read'>,
  key: string,
  record: LiveRecord,
  limits: DownloadLimits,
): AsyncGenerator<Uint8Array, void> {
  const digest = new PartDigest(record.partBytes)
  let received = 0
  let budget = budgetOf(PATIENCE_MS, limits.signal)
  while (received < record.bytes) {
    const body = await repeat(budget, () => bucket.read(key, received, limits)).catch(missingData)
    try {
      for await (const chunk of heard(body, limits)) {
        received += chunk.length
        if (received > record.bytes) throw corrupt('it has more bytes than were published')
        digest.update(chunk)
        yield chunk
        budget = budgetOf(PATIENCE_MS, limits.signal)
      }
    } catch (error) {
      limits.signal.throwIfAborted()
      if (!isBreak(error) || performance.now() >= budget.deadline) throw error
    } finally {
      body.destroy()
    }
  }
  if (digest.digest() !== record.digest) throw corrupt('its digest is not the one that was published')
}

/** A socket that closed in the middle, or the watch's own error. */
function isBreak(error: unknown): boolean {
  return failureOf(error) === 'passing' || nameOf(error) === 'Error'
}

/** The stream, destroyed when it is silent for too long or the signal aborts. */
async function* heard(
  body: Readable,
  { timeoutMs, signal }: DownloadLimits,
): AsyncGenerator<Uint8Array, void> {
  const detach = onAbort([signal], () => body.destroy())
  const timer = setTimeout(() => body.destroy(new NoAnswer(timeoutMs)), timeoutMs)
  try {
    for await (const chunk of body) {
      timer.refresh()
      yield chunk as Uint8Array // no encoding was set
      timer.refresh() // a slow disk is not a silent store
    }
  } finally {
    clearTimeout(timer)
    detach()
  }
}

function missingData(error: unknown): never {
  if (failureOf(error) === 'missing') throw corrupt('its data is not in the bucket', error)
  if (statusOf(error) === 416) throw corrupt('it has fewer bytes than were published', error)
  throw error
}

function corrupt(problem: string, cause?: unknown): TempFileError {
  return new TempFileError(
    'ERR_TEMP_HANDOFF_CORRUPT',
    `The file of this ticket cannot be used: ${problem}. The ticket was given back; discard() removes it.`,
    { cause },
  )
}
