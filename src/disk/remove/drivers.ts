// Carries out the steps of a deletion: synchronously, in the thread pool, or on the loop in slices.
// Guarantee: each answers as operation.ts describes; an entry that no longer exists is no failure.

import { errnoOf, TempFileError } from '../../errors.ts'
import type { DiskEntry, DiskPath, DiskStats, FileSystem } from '../file-system.ts'
import { joinPath, statsOf } from '../paths.ts'
import { type EmptyOperation, emptied, isForUnlink, listSync, pieces, piecesAsync } from './listing.ts'
import type { Emptied, Operation, RemoveReport } from './operation.ts'
import { sliceIsOver } from './slice.ts'

/** How many unlinks {@link removeTree} has in flight: the thread pool's size by default; more would queue there. */
const IN_FLIGHT = 4

/**
 * From this size a file's unlink leaves the loop. Freeing a file's extents takes time by its size: 62 ms were
 * measured for 2 GiB, so 16 MiB cost about 0.5 ms. A trip through the pool costs about 0.04 ms, against 4 us for
 * the unlink of an ordinary file on the loop: with 2, 4 or 16 at a time, files of 16 KiB took at
 * least 1.4 times the processor time on ext4 and 2.3 times on tmpfs, empty ones 1.7 and 2.3 times. Elapsed time was less
 * only for 16 KiB on ext4, by up to a quarter, on a machine that did other work too.
 */
const LARGE_FILE_BYTES = 16 * 1024 * 1024

/** Large files at once: half of the thread pool's four threads; the program has the other half. */
export const LARGE_IN_FLIGHT = 2

export function throwIfAborted(signal: AbortSignal | undefined): void {
  if (signal?.aborted !== true) return
  throw new TempFileError('ERR_TEMP_ABORTED', 'The removal was aborted. The rest can be removed later.', {
    cause: signal.reason,
  })
}

export function performSync(
  fs: FileSystem,
  operation: Exclude<Operation, EmptyOperation>,
): DiskStats | undefined {
  const { kind, path } = operation
  if (kind === 'look') return fs.lstatSync(path)
  if (kind === 'unlink') fs.unlinkSync(path)
  else if (kind === 'rmdir') fs.rmdirSync(path)
  else if (kind === 'rename') fs.renameSync(path, operation.to)
  // chmod follows links, so only a directory itself is opened up; no other user can exchange it (approach.ts).
  else if (fs.lstatSync(path).isDirectory()) fs.chmodSync(path, 0o700)
  return undefined
}

export async function performAsync(
  fs: FileSystem,
  operation: Exclude<Operation, EmptyOperation>,
): Promise<DiskStats | undefined> {
  const { kind, path } = operation
  if (kind === 'look') return await statsOf(fs, path)
  if (kind === 'unlink') await fs.promises.unlink(path)
  else if (kind === 'rmdir') await fs.promises.rmdir(path)
  // Within the condemned tree, where a rename commits nothing: it may be in flight when the process exits.
  else if (kind === 'rename') await fs.promises.rename(path, operation.to)
  else if ((await statsOf(fs, path)).isDirectory()) await fs.promises.chmod(path, 0o700)
  return undefined
}

export function emptySync(fs: FileSystem, operation: EmptyOperation, report: RemoveReport): Emptied {
  const found = emptied()
  for (const entry of listSync(fs, operation)) {
    if (!isForUnlink(entry, operation, found)) continue
    try {
      fs.unlinkSync(joinPath(operation.path, entry.name))
      report.files++
    } catch (error) {
      noteFailure(found, entry.name, error)
    }
  }
  return found
}

export async function emptyAsync(
  fs: FileSystem,
  operation: EmptyOperation,
  report: RemoveReport,
  signal: AbortSignal | undefined,
): Promise<Emptied> {
  const found = emptied()
  const unlink = async (name: string | Buffer): Promise<void> => {
    const path = joinPath(operation.path, name)
    try {
      const stats = await statsOf(fs, path)
      await fs.promises.unlink(path)
      count(report, stats)
    } catch (error) {
      noteFailure(found, name, error)
    }
  }
  for await (const piece of piecesAsync(fs, operation)) {
    const names = piece.filter((entry) => isForUnlink(entry, operation, found)).map((entry) => entry.name)
    const work = async (): Promise<void> => {
      for (let name = names.pop(); name !== undefined; name = names.pop()) {
        throwIfAborted(signal)
        await unlink(name)
      }
    }
    await Promise.all(Array.from({ length: Math.min(IN_FLIGHT, names.length) }, work))
  }
  return found
}

export async function emptySliced(
  fs: FileSystem,
  operation: EmptyOperation,
  report: RemoveReport,
  options: { pause: () => Promise<void>; concurrency: number; signal: AbortSignal | undefined },
): Promise<Emptied> {
  const found = emptied()
  const large = new Set<Promise<void>>()
  try {
    for (const entry of entriesOf(fs, operation)) {
      if (sliceIsOver()) {
        await options.pause()
        throwIfAborted(options.signal)
      }
      if (!isForUnlink(entry, operation, found)) continue
      const unlinked = unlinkOne({ fs, report, found }, joinPath(operation.path, entry.name), entry.name)
      if (unlinked === undefined) continue
      const settled = unlinked.finally(() => large.delete(settled))
      large.add(settled)
      while (large.size >= options.concurrency) await Promise.race(large)
    }
  } finally {
    await Promise.all(large)
  }
  return found
}

function* entriesOf(fs: FileSystem, operation: EmptyOperation): Generator<DiskEntry, void, void> {
  for (const piece of pieces(fs, operation)) yield* piece
}

interface Emptying {
  readonly fs: FileSystem
  readonly report: RemoveReport
  readonly found: Emptied
}

/** Unlinks at once; a large file in the thread pool, and then a promise is returned that never rejects. */
function unlinkOne(by: Emptying, path: DiskPath, name: string | Buffer): Promise<void> | undefined {
  try {
    const stats = by.fs.lstatSync(path)
    if (stats.isFile() && stats.size > LARGE_FILE_BYTES) {
      return by.fs.promises.unlink(path).then(
        () => count(by.report, stats),
        (error: unknown) => noteFailure(by.found, name, error),
      )
    }
    by.fs.unlinkSync(path)
    count(by.report, stats)
  } catch (error) {
    noteFailure(by.found, name, error)
  }
  return undefined
}

function count(report: RemoveReport, stats: { isFile(): boolean; readonly size: number }): void {
  report.files++
  if (stats.isFile()) report.bytes += stats.size
}

function noteFailure(found: Emptied, name: string | Buffer, error: unknown): void {
  if (errnoOf(error) !== 'ENOENT') found.failures.push({ name, error })
}
