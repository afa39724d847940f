// Writes a source into an open file. Promise: memory stays constant whatever the size, and on any failure the
// source is given up, the quota given back, no listener left, and no write running when the promise rejects.

import type { Hash } from 'node:crypto'
import type { FileSystem } from '../disk/file-system.ts'
import { errnoOf, isTempFileError, nameOf, TempFileError } from '../errors.ts'
import type { Quota } from '../quota.ts'
import { watchAbort } from '../runtime/abort-watch.ts'
import { crypto } from '../runtime/lazy.ts'
import { BlockWriter } from './block-writer.ts'
import { HeadGate } from './head-gate.ts'
import { type Intake, openIntake } from './intake.ts'
import { abortError, type PreparedReceive } from './receive-options.ts'
import { Meter } from './size-check.ts'
import { destroySource, type Source } from './source.ts'

export {
  checkReceiveOptions,
  type PreparedReceive,
  type ReceiveOptions,
} from './receive-options.ts'
export type { Source } from './source.ts'

/** What was written. */
export interface WriteResult {
  /** Bytes written by this call. */
  readonly bytes: number
  /** The digest in lower-case hex, when `hash` asked for one. */
  readonly digest: string | undefined
  /** The media type found in the first bytes, when `accept` looked at them and found one. */
  readonly detectedType: string | undefined
}

/** Where `fill` writes. The descriptor is the caller's: opened before, closed after. */
export interface Fill {
  readonly fs: FileSystem
  readonly fd: number
  /** The directory whose volume must keep `limits.minFreeBytes` free. */
  readonly directory: string
  readonly quota: Quota
  /** Where in the file to begin; null or undefined: where the descriptor stands. */
  readonly position?: number | null | undefined
}

/**
 * Writes all of `source` to `target.fd`. On success `result.bytes` stay reserved in the quota, for the caller
 * to give back when the file goes. Call it in the same turn in which the source came in: only from
 * then on can an early error of the source not crash the process.
 * @throws ERR_TEMP_TOO_LARGE, ERR_TEMP_TOO_SMALL, ERR_TEMP_TRUNCATED, ERR_TEMP_TYPE_REJECTED, ERR_TEMP_ABORTED,
 * ERR_TEMP_TIMEOUT, ERR_TEMP_QUOTA, ERR_TEMP_NO_SPACE, ERR_TEMP_OPTION_INVALID (not a source, or a spent one),
 * ERR_TEMP_IO (the source's own error or the system's, as `cause`), and whatever `onProgress` throws
 */
export async function fill(target: Fill, source: Source, prepared: PreparedReceive): Promise<WriteResult> {
  const intake = begin(source, prepared)
  const { quota } = target
  const { signal } = prepared
  const first = new FirstFailure()
  let hash: Hash | undefined
  let reserved = 0
  const writer = new BlockWriter({
    fs: target.fs,
    fd: target.fd,
    position: target.position ?? null,
    beforeBlock(block) {
      quota.reserve(block.length)
      reserved += block.length
      return quota.minFreeBytes > 0 ? quota.checkFree(target.directory, block.length) : undefined
    },
    duringBlock(block) {
      hash?.update(block)
    },
    onError: (error) => first.fail(error),
  })
  const unwatch = signal && watchAbort(signal, () => first.fail(abortError(signal)))
  try {
    if (signal?.aborted === true) throw abortError(signal)
    const meter = new Meter(prepared, quota.fileBytes, intake.size)
    if (prepared.hash !== undefined) hash = crypto().createHash(prepared.hash)
    if (meter.total !== undefined) quota.checkRoom(meter.total)
    if (quota.minFreeBytes > 0) await quota.checkFree(target.directory, meter.total)
    const gate = new HeadGate(prepared, writer)
    const take = (chunk: Uint8Array): Promise<void> | undefined => {
      try {
        meter.count(chunk.length)
      } catch (error) {
        first.fail(error) // ours or onProgress's, to be told from the source's own
        throw error
      }
      return gate.open ? writer.write(chunk) : gate.pass(chunk)
    }
    await first.race(() => intake.run(take))
    meter.checkWhole()
    if (!gate.open) {
      if (meter.bytes === 0) meter.checkMinimum() // of an empty file, its size says more than its type
      await gate.judge()
    }
    meter.checkMinimum()
    await writer.flush()
    first.check()
    meter.finish()
    return { bytes: meter.bytes, digest: hash?.digest('hex'), detectedType: gate.detectedType }
  } catch (error) {
    intake.stop(error, prepared.keepSource)
    await writer.settle()
    quota.giveBack(reserved)
    throw error
  } finally {
    unwatch?.()
    await writer.settle()
  }
}

/** Opens the source, or gives it up. */
function begin(source: Source, prepared: PreparedReceive): Intake {
  try {
    return openIntake(source)
  } catch (error) {
    if (!prepared.keepSource) destroySource(source)
    throw sourceError(error)
  }
}

/** The first of several failures that can come at any time; later ones follow from it and are dropped. */
class FirstFailure {
  #failure: { readonly error: unknown } | undefined
  #reject: ((error: unknown) => void) | undefined

  fail(error: unknown): void {
    this.#failure ??= { error }
    this.#reject?.(error)
  }

  check(): void {
    if (this.#failure !== undefined) throw this.#failure.error
  }

  /** Runs a reading of the source until it ends, or until anything fails. */
  race(run: () => Promise<void>): Promise<void> {
    this.check()
    return new Promise((resolve, reject) => {
      this.#reject = reject
      run().then(resolve, (error: unknown) => this.fail(sourceError(error)))
    })
  }
}

/** Types an error of the source: a peer that went away is an abort, all else its own failure to read. */
function sourceError(error: unknown): TempFileError {
  if (isTempFileError(error)) return error
  const code = errnoOf(error)
  const name = nameOf(error)
  if (name === 'TimeoutError') {
    return new TempFileError('ERR_TEMP_TIMEOUT', 'The source timed out before its end.', { cause: error })
  }
  if (name === 'AbortError' || (code !== undefined && GONE.has(code))) {
    return new TempFileError('ERR_TEMP_ABORTED', 'The sender went away before the file was complete.', {
      cause: error,
    })
  }
  return new TempFileError('ERR_TEMP_IO', "Could not read the source. See this error's cause.", {
    cause: error,
  })
}

const GONE = new Set([
  'ECONNRESET',
  'ECONNABORTED',
  'EPIPE',
  'ABORT_ERR',
  'UND_ERR_ABORTED',
  'UND_ERR_SOCKET',
])
