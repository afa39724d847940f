// Sends a file to the bucket. Guarantee: constant memory (four parts), each part's digest checked by the store, and
// after a failure neither an object nor an unfinished multipart upload stays where the store can still be reached.

import { constants } from 'node:fs'
import { type FileHandle, open } from 'node:fs/promises'
import { errnoOf, ioError, TempFileError } from '../errors.ts'
import { joinSignals } from '../runtime/abort.ts'
import type { Bucket, StoredPart } from './bucket.ts'
import { digestOfParts } from './part-digest.ts'
import { budgetOf, repeat, UNDO_MS } from './retry.ts'
import type { Moment } from './server-time.ts'
import { failureOf } from './store-failure.ts'
import type { RequestLimits } from './store-request.ts'

/** Files up to this size go in one request. S3's least part is 5 MiB; 8 MiB took 5.5 ms to hash. */
const PART_BYTES = 8 * 1024 * 1024
/** S3's limit. */
const MAX_PARTS = 10_000
const PARALLEL = 4
/** One part may take this long: 8 MiB at 70 KB a second. */
const PART_TIMEOUT_MS = 120_000
/** A part that fails for a passing reason is repeated for this long: longer than a store's restart takes. */
const PATIENCE_MS = 60_000

export interface Uploaded {
  readonly bytes: number
  readonly partBytes: number
  readonly digest: string
  /** The store's last answer. */
  readonly moment: Moment
}

interface Transfer {
  readonly bucket: Bucket
  readonly key: string
  readonly handle: FileHandle
  readonly bytes: number
  readonly partBytes: number
  readonly timeoutMs: number
  readonly signal: AbortSignal
}

/** @throws ERR_TEMP_REMOVED, ERR_TEMP_IO; what a request rejects with */
export async function uploadFile(
  bucket: Bucket,
  key: string,
  path: string,
  limits: RequestLimits,
): Promise<Uploaded> {
  const handle = await openFile(path)
  const stop = new AbortController()
  const { signal, detach } = joinSignals(stop.signal, limits.signal)
  try {
    const { size: bytes } = await handle.stat()
    const partBytes = partBytesFor(bytes)
    const transfer = { bucket, key, handle, bytes, partBytes, timeoutMs: limits.timeoutMs, signal }
    const sent = bytes <= partBytes ? sendWhole(transfer) : sendParts(transfer, stop)
    return await sent.catch(async (error: unknown) => {
      // It may have been stored, and only its answer be lost. What cannot be deleted now is deleted by a sweep.
      await bucket.delete(key, undoLimits(transfer)).catch(() => {})
      throw error
    })
  } finally {
    detach()
    await handle.close()
  }
}

/** Without the caller's signal, which may have caused the failure. */
function undoLimits({ timeoutMs }: Transfer): RequestLimits {
  return { timeoutMs: Math.min(timeoutMs, UNDO_MS) }
}

/** At most 10,000 parts, in whole MiB. */
export function partBytesFor(bytes: number): number {
  const least = Math.ceil(bytes / MAX_PARTS)
  return Math.max(PART_BYTES, Math.ceil(least / 1048576) * 1048576)
}

async function openFile(path: string): Promise<FileHandle> {
  try {
    const handle = await open(
      path,
      constants.O_RDONLY | (constants.O_NOFOLLOW ?? 0) | (constants.O_NONBLOCK ?? 0),
    )
    if ((await handle.stat()).isFile()) return handle
    await handle.close()
  } catch (error) {
    if (errnoOf(error) !== 'ENOENT') throw ioError(error, 'read the file to hand off', path)
    throw new TempFileError('ERR_TEMP_REMOVED', 'Cannot hand it off: the file was removed.', {
      cause: error,
      path,
    })
  }
  throw new TempFileError('ERR_TEMP_IO', 'Cannot hand it off: its path is not a regular file.', { path })
}

async function sendWhole(transfer: Transfer): Promise<Uploaded> {
  const { bucket, key, bytes, partBytes, signal } = transfer
  const body = Buffer.allocUnsafe(bytes)
  await readExactly(transfer, body, 0)
  const { moment, sha256 } = await repeat(budgetOf(PATIENCE_MS, signal), () =>
    bucket.put(key, body, { timeoutMs: PART_TIMEOUT_MS, signal }),
  )
  return { bytes, partBytes, digest: digestOfParts([sha256]), moment }
}

async function sendParts(transfer: Transfer, stop: AbortController): Promise<Uploaded> {
  const { bucket, key, bytes, partBytes, timeoutMs, signal } = transfer
  const small = { timeoutMs, signal }
  const uploadId = await repeat(budgetOf(PATIENCE_MS, signal), () => bucket.startUpload(key, small))
  const upload = { key, uploadId }
  try {
    const parts = await sendAll(transfer, upload, stop)
    const moment = await complete(transfer, upload, parts)
    return { bytes, partBytes, digest: digestOfParts(parts.map(({ sha256 }) => sha256)), moment }
  } catch (error) {
    // An upload that cannot be aborted now is aborted by a sweep.
    await bucket.abortUpload(upload, undoLimits(transfer)).catch(() => {})
    throw error
  }
}

/** Each of the four senders owns one buffer, and takes the next part when it has sent one. */
async function sendAll(
  transfer: Transfer,
  upload: { readonly key: string; readonly uploadId: string },
  stop: AbortController,
): Promise<StoredPart[]> {
  const { bucket, bytes, partBytes, signal } = transfer
  const count = Math.ceil(bytes / partBytes)
  const parts: StoredPart[] = new Array(count)
  let next = 0
  const sender = async (): Promise<void> => {
    const buffer = Buffer.allocUnsafe(partBytes)
    for (let index = next++; index < count; index = next++) {
      const start = index * partBytes
      const body = buffer.subarray(0, Math.min(partBytes, bytes - start))
      await readExactly(transfer, body, start)
      parts[index] = await repeat(budgetOf(PATIENCE_MS, signal), () =>
        bucket.putPart(upload, index + 1, body, { timeoutMs: PART_TIMEOUT_MS, signal }),
      )
    }
  }
  const senders = Array.from({ length: Math.min(PARALLEL, count) }, sender)
  try {
    await Promise.all(senders)
  } catch (error) {
    stop.abort(error)
    await Promise.allSettled(senders)
    throw error
  }
  return parts
}

/** A lost answer: the upload is gone because it was completed. */
async function complete(
  { bucket, key, bytes, signal }: Transfer,
  upload: { readonly key: string; readonly uploadId: string },
  parts: readonly StoredPart[],
): Promise<Moment> {
  const limits = { timeoutMs: PART_TIMEOUT_MS, signal }
  const budget = budgetOf(PATIENCE_MS, signal)
  try {
    return await repeat(budget, () => bucket.completeUpload(upload, parts, limits))
  } catch (error) {
    if (failureOf(error) !== 'missing') throw error
    const { value, moment } = await repeat(budget, () => bucket.size(key, limits))
    if (value === bytes) return moment
    throw error
  }
}

async function readExactly({ handle }: Transfer, body: Buffer, start: number): Promise<void> {
  for (let done = 0; done < body.length; ) {
    const { bytesRead } = await handle.read(body, done, body.length - done, start + done)
    if (bytesRead === 0)
      throw new TempFileError('ERR_TEMP_IO', 'Cannot hand it off: the file became shorter while it was sent.')
    done += bytesRead
  }
}
