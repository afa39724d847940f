// The only place that deletes recursively: three drivers of the one algorithm (deletion.ts), which differ in
// what they hold up. Promise: the report tells each entry that was kept or failed; only an abort is thrown.

import { basename, dirname, join, resolve } from 'node:path'
import { setImmediate as turn } from 'node:timers/promises'
import { errnoOf, TempFileError } from '../errors.ts'
import {
  type Deletion,
  deletion,
  type Emptied,
  joinPath,
  type Operation,
  type RemoveReport,
} from './deletion.ts'
import type { DiskPath, FileSystem } from './file-system.ts'
import { type EmptyOperation, emptied, isForUnlink, listSync, pieces, piecesAsync } from './listing.ts'
import { type MountTable, readMounts } from './mounts.ts'
import { statsOf } from './stats.ts'

export type { RemoveReport } from './deletion.ts'

/** What the asynchronous removals take. */
export interface RemoveOptions {
  /** A table read after the last rename of the path or of a directory above it; read now by default. */
  readonly mounts?: MountTable | undefined
  /** Stops between two steps; the removal then rejects with ERR_TEMP_ABORTED and can be done again. */
  readonly signal?: AbortSignal | undefined
}

/** What {@link removeTreeSliced} takes. */
export interface SlicedOptions extends RemoveOptions {
  /** Milliseconds for which the loop may be held at a time. */
  readonly sliceMs?: number | undefined
  /** How many large files are unlinked at once in the thread pool. */
  readonly concurrency?: number | undefined
}

/** How many unlinks {@link removeTree} has in flight: the thread pool's size by default; more would queue there. */
const IN_FLIGHT = 4

/**
 * From this size a file's unlink leaves the loop. Freeing a file's extents takes time by its size: 62 ms were
 * measured for 2 GiB, so 16 MiB cost about 0.5 ms, while a trip through the pool costs about 0.04 ms but lets
 * nobody use the 4 us of the ordinary case.
 */
const LARGE_FILE_BYTES = 16 * 1024 * 1024

/** Large files at once: half of the thread pool's four threads, the other half stays the program's. */
const LARGE_IN_FLIGHT = 2

/** Deletes a tree (or a file) without a turn of the loop: for the exit hook and for `using`. Counts no bytes. */
export function removeTreeSync(
  fs: FileSystem,
  path: string,
  options: { readonly mounts?: MountTable | undefined } = {},
): RemoveReport {
  const report = newReport()
  const steps = stepsOf(fs, path, options.mounts, report)
  let step = steps.next()
  while (step.done !== true) {
    let answer: Emptied | boolean | undefined
    try {
      answer = step.value.kind === 'empty' ? emptySync(fs, step.value, report) : performSync(fs, step.value)
    } catch (error) {
      step = steps.throw(error)
      continue
    }
    step = steps.next(answer)
  }
  return report
}

/**
 * Deletes a tree (or a file) with every system call in the thread pool: for `await using`, where one unlink of
 * a large file would hold the loop for tens of milliseconds.
 * @throws ERR_TEMP_ABORTED
 */
export async function removeTree(
  fs: FileSystem,
  path: string,
  options: RemoveOptions = {},
): Promise<RemoveReport> {
  const report = newReport()
  const steps = stepsOf(fs, path, options.mounts, report)
  await drive(steps, options.signal, (operation) =>
    operation.kind === 'empty'
      ? emptyAsync(fs, operation, report, options.signal)
      : performAsync(fs, operation),
  )
  return report
}

/**
 * Deletes a tree (or a file) on the loop, which is several times faster than through the thread pool, in slices
 * that leave room for the program: for sweeps. All removals of a process share one slice, however many run.
 * @throws ERR_TEMP_ABORTED
 */
export async function removeTreeSliced(
  fs: FileSystem,
  path: string,
  options: SlicedOptions = {},
): Promise<RemoveReport> {
  const report = newReport()
  const { sliceMs = 8, concurrency = LARGE_IN_FLIGHT, signal } = options
  const steps = stepsOf(fs, path, options.mounts, report)
  await drive(steps, signal, (operation) => {
    if (operation.kind === 'empty')
      return emptySliced(fs, operation, report, { sliceMs, concurrency, signal })
    if (sliceIsOver()) return nextSlice(sliceMs).then(() => performSync(fs, operation))
    return performSync(fs, operation)
  })
  return report
}

function newReport(): RemoveReport {
  return { files: 0, directories: 0, bytes: 0, kept: [], errors: [] }
}

/** The steps for a path as given: absolute, and compared with the mount table by its real path. */
function stepsOf(
  fs: FileSystem,
  path: string,
  mounts: MountTable | undefined,
  report: RemoveReport,
): Deletion {
  const top = resolve(path)
  return deletion(top, mountPointsBelow(fs, top, mounts ?? readMounts()), report)
}

/** The table holds real paths; what stands above the tree may be reached through a symlink. */
function mountPointsBelow(fs: FileSystem, top: string, mounts: MountTable): string[] {
  const name = basename(top)
  if (name === '') return mounts.below(top)
  let real = top
  try {
    real = join(fs.realpathSync(dirname(top)).toString(), name)
  } catch {
    // The parent is gone or cannot be searched; so is what would be deleted.
  }
  return mounts.below(real).map((point) => top + point.slice(real.length))
}

/** Carries the steps out one after another; a driver that can answer at once costs no turn. */
async function drive(
  steps: Deletion,
  signal: AbortSignal | undefined,
  perform: (operation: Operation) => Promise<Emptied | boolean | undefined> | Emptied | boolean | undefined,
): Promise<void> {
  let step = steps.next()
  while (step.done !== true) {
    throwIfAborted(signal)
    let answer: Emptied | boolean | undefined
    try {
      const result = perform(step.value)
      answer = result instanceof Promise ? await result : result
    } catch (error) {
      throwIfAborted(signal)
      step = steps.throw(error)
      continue
    }
    step = steps.next(answer)
  }
}

function throwIfAborted(signal: AbortSignal | undefined): void {
  if (signal?.aborted !== true) return
  throw new TempFileError('ERR_TEMP_ABORTED', 'The removal was aborted. What is left can be removed later.', {
    cause: signal.reason,
  })
}

function performSync(fs: FileSystem, operation: Exclude<Operation, EmptyOperation>): boolean | undefined {
  const { kind, path } = operation
  if (kind === 'look') return fs.lstatSync(path).isDirectory()
  if (kind === 'unlink') fs.unlinkSync(path)
  else if (kind === 'rmdir') fs.rmdirSync(path)
  else if (kind === 'rename') fs.renameSync(path, operation.to)
  // chmod follows links: only what is a directory by itself is ours to open up.
  else if (fs.lstatSync(path).isDirectory()) fs.chmodSync(path, 0o700)
  return undefined
}

async function performAsync(
  fs: FileSystem,
  operation: Exclude<Operation, EmptyOperation>,
): Promise<boolean | undefined> {
  const { kind, path } = operation
  if (kind === 'look') return (await statsOf(fs, path)).isDirectory()
  if (kind === 'unlink') await fs.promises.unlink(path)
  else if (kind === 'rmdir') await fs.promises.rmdir(path)
  // Within the condemned tree: nobody's commit, so it may be in flight when the process exits.
  else if (kind === 'rename') await fs.promises.rename(path, operation.to)
  else if ((await statsOf(fs, path)).isDirectory()) await fs.promises.chmod(path, 0o700)
  return undefined
}

function emptySync(fs: FileSystem, operation: EmptyOperation, report: RemoveReport): Emptied {
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

async function emptyAsync(
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

async function emptySliced(
  fs: FileSystem,
  operation: EmptyOperation,
  report: RemoveReport,
  options: { sliceMs: number; concurrency: number; signal: AbortSignal | undefined },
): Promise<Emptied> {
  const found = emptied()
  const large = new Set<Promise<void>>()
  try {
    for (const piece of pieces(fs, operation)) {
      for (const entry of piece) {
        if (sliceIsOver()) {
          await nextSlice(options.sliceMs)
          throwIfAborted(options.signal)
        }
        if (!isForUnlink(entry, operation, found)) continue
        const path = joinPath(operation.path, entry.name)
        try {
          const stats = fs.lstatSync(path)
          if (stats.isFile() && stats.size > LARGE_FILE_BYTES) {
            while (large.size >= options.concurrency) await Promise.race(large)
            const unlinked = unlinkLarge(fs, path, entry.name, stats, found, report).finally(() =>
              large.delete(unlinked),
            )
            large.add(unlinked)
          } else {
            fs.unlinkSync(path)
            count(report, stats)
          }
        } catch (error) {
          noteFailure(found, entry.name, error)
        }
      }
    }
  } finally {
    await Promise.all(large)
  }
  return found
}

async function unlinkLarge(
  fs: FileSystem,
  path: DiskPath,
  name: string | Buffer,
  stats: { isFile(): boolean; readonly size: number },
  found: Emptied,
  report: RemoveReport,
): Promise<void> {
  try {
    await fs.promises.unlink(path)
    count(report, stats)
  } catch (error) {
    noteFailure(found, name, error)
  }
}

function count(report: RemoveReport, stats: { isFile(): boolean; readonly size: number }): void {
  report.files++
  if (stats.isFile()) report.bytes += stats.size
}

function noteFailure(found: Emptied, name: string | Buffer, error: unknown): void {
  if (errnoOf(error) !== 'ENOENT') found.failures.push({ name, error })
}

// One slice for the whole process: two removals at once, or a thousand small ones in a row that never come to
// a turn of the loop by themselves, must together hold it no longer than one.
let sliceEnds = 0
let nextTurn: Promise<void> | undefined

function sliceIsOver(): boolean {
  return performance.now() >= sliceEnds
}

async function nextSlice(sliceMs: number): Promise<void> {
  nextTurn ??= turn().then(() => {
    nextTurn = undefined
    sliceEnds = performance.now() + sliceMs
  })
  await nextTurn
}
