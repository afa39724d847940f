// Writes a source into an open file. Guarantee: memory stays constant at any size, and on any failure the
// source is given up, the quota given back, no listener left, and no write running when the promise rejects.

import type { Hash } from 'node:crypto'
import type { FileSystem } from '../disk/file-system.ts'
import type { Quota } from '../quota.ts'
import { abortError, onAbort } from '../runtime/abort.ts'
import { crypto } from '../runtime/lazy.ts'
import type { WriteResult } from '../types.ts'
import { BlockWriter } from './block-writer.ts'
import { FirstFailure } from './first-failure.ts'
import { HeadGate } from './head-gate.ts'
import type { Intake } from './intake.ts'
import { type PreparedReceive, wrongDigest } from './receive-options.ts'
import { Meter } from './size-check.ts'

/** The file that `fill` writes. The caller opens the descriptor before and closes it after. */
export interface Fill {
  readonly fs: FileSystem
  readonly fd: number
  /** The directory whose volume must keep `limits.minFreeBytes` free. */
  readonly directory: string
  readonly quota: Quota
  /** The position of the first byte in the file; null or undefined: the descriptor's own. */
  readonly position?: number | null | undefined
}

/**
 * Writes everything that `intake` gives to `target.fd`. On success `result.bytes` stay reserved in the quota; the
 * caller gives them back when the file is removed.
 * @throws ERR_TEMP_TOO_LARGE, ERR_TEMP_TOO_SMALL, ERR_TEMP_TRUNCATED, ERR_TEMP_TYPE_REJECTED, ERR_TEMP_ABORTED,
 * ERR_TEMP_TIMEOUT, ERR_TEMP_QUOTA, ERR_TEMP_NO_SPACE, ERR_TEMP_OPTION_INVALID (not a source, or a spent one),
 * ERR_TEMP_IO (the source's own error or the system's, as `cause`), and any error of `onProgress`
 */
export async function fill(target: Fill, intake: Intake, prepared: PreparedReceive): Promise<WriteResult> {
  const { quota } = target
  const { signal } = prepared
  const first = new FirstFailure()
  let digests: Digests | undefined
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
      digests?.update(block)
    },
    onError: (error) => first.fail(error),
  })
  const unwatch = onAbort([signal], ({ reason }) => first.fail(abortError(reason)))
  try {
    first.check()
    const meter = new Meter(prepared, quota.fileBytes, intake.size)
    digests = Digests.of(prepared)
    if (meter.total !== undefined) quota.checkRoom(meter.total)
    if (quota.minFreeBytes > 0) await quota.checkFree(target.directory, meter.total)
    const gate = new HeadGate(prepared, writer)
    const take = (chunk: Uint8Array): Promise<void> | undefined => {
      try {
        meter.count(chunk.length)
      } catch (error) {
        first.fail(error)
        throw error
      }
      return gate.open ? writer.write(chunk) : gate.pass(chunk)
    }
    await first.race(() => intake.run(take))
    meter.checkWhole()
    if (!gate.open) {
      if (meter.bytes === 0) meter.checkMinimum() // an empty file is reported by its size, not by its type
      await gate.judge()
    }
    meter.checkMinimum()
    await writer.flush()
    await first.race(() => meter.finish())
    const digest = digests?.finish(prepared)
    return { bytes: meter.bytes, digest, detectedType: gate.detectedType }
  } catch (error) {
    intake.stop(error, prepared.keepSource)
    await writer.settle()
    quota.giveBack(reserved)
    throw error
  } finally {
    unwatch()
    await writer.settle()
  }
}

/** The digests computed while blocks are written: the one to report and the one to compare, usually the same. */
class Digests {
  readonly #hashes = new Map<string, Hash>()

  static of({ hash, expectedDigest }: PreparedReceive): Digests | undefined {
    if (hash === undefined && expectedDigest === undefined) return undefined
    const digests = new Digests()
    for (const name of [hash, expectedDigest?.algorithm]) {
      if (name !== undefined) digests.#hashes.set(name, crypto().createHash(name))
    }
    return digests
  }

  update(block: Uint8Array): void {
    for (const hash of this.#hashes.values()) hash.update(block)
  }

  /** Compares, and returns the digest to report. @throws ERR_TEMP_TRUNCATED */
  finish({ hash, expectedDigest }: PreparedReceive): string | undefined {
    const results = new Map([...this.#hashes].map(([name, each]) => [name, each.digest('hex')]))
    const actual = results.get(expectedDigest?.algorithm ?? '')
    if (expectedDigest !== undefined && actual !== undefined && actual !== expectedDigest.value) {
      throw wrongDigest(expectedDigest, actual)
    }
    return hash === undefined ? actual : results.get(hash)
  }
}
