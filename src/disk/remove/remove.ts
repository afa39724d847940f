// The only place that deletes recursively: three drivers of the one algorithm (deletion.ts), which differ in
// what they hold up. Promise: the report tells each entry that was kept or failed; only an abort is thrown.

import { basename, dirname, join, resolve } from 'node:path'
import { types } from 'node:util'
import type { FileSystem } from '../file-system.ts'
import { type MountTable, readMounts } from '../mounts.ts'
import { type Deletion, deletion, type TopRules } from './deletion.ts'
import {
  emptyAsync,
  emptySliced,
  emptySync,
  LARGE_IN_FLIGHT,
  performAsync,
  performSync,
  throwIfAborted,
} from './drivers.ts'
import type { Answer, Operation, RemoveReport } from './operation.ts'
import { nextSlice, sliceIsOver } from './slice.ts'

export type { RemoveReport } from './operation.ts'

/** What every removal takes. */
export interface TreeOptions extends TopRules {
  /** A table read after the last rename of the path or of a directory above it; read now by default. */
  readonly mounts?: MountTable | undefined
}

/** What the asynchronous removals take. */
export interface RemoveOptions extends TreeOptions {
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

/** Deletes a tree (or a file) without a turn of the loop: for the exit hook and for `using`. Counts no bytes. */
export function removeTreeSync(fs: FileSystem, path: string, options: TreeOptions = {}): RemoveReport {
  const report = newReport()
  const steps = stepsHere(fs, path, options, report)
  let step = steps.next()
  while (step.done !== true) {
    let answer: Answer
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
  const top = resolve(path)
  const realParent = await fs.promises.realpath(dirname(top)).then(String, () => undefined)
  const steps = stepsOf(top, realParent, options.mounts ?? readMounts(), report, options)
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
  const { sliceMs = 5, concurrency = LARGE_IN_FLIGHT, signal } = options
  const steps = stepsHere(fs, path, options, report)
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

function stepsHere(fs: FileSystem, path: string, options: TreeOptions, report: RemoveReport): Deletion {
  const top = resolve(path)
  const mounts = options.mounts ?? readMounts()
  return stepsOf(top, realDirectorySync(fs, dirname(top), mounts), mounts, report, options)
}

/** The steps for an absolute path whose directory's real path is known: the mount table holds real paths only. */
function stepsOf(
  top: string,
  realParent: string | undefined,
  mounts: MountTable,
  report: RemoveReport,
  rules: TopRules,
): Deletion {
  const name = basename(top)
  const real = realParent === undefined ? top : join(realParent, name)
  return deletion(
    top,
    mounts.below(real).map((point) => top + point.slice(real.length)),
    report,
    rules,
  )
}

// A table is a snapshot; so may be, as long as it lives, the real path of the directory that a sweep's thousand
// sessions stand in: asking for each cost 3 % of the sweep.
const realDirectories = new WeakMap<MountTable, Map<string, string>>()

/** Undefined where the directory is gone or cannot be searched: so is then what would be deleted. */
function realDirectorySync(fs: FileSystem, path: string, mounts: MountTable): string | undefined {
  const known = realDirectories.get(mounts) ?? new Map<string, string>()
  realDirectories.set(mounts, known)
  const before = known.get(path)
  if (before !== undefined) return before
  try {
    const real = fs.realpathSync(path).toString()
    known.set(path, real)
    return real
  } catch {
    return undefined
  }
}

/** Carries the steps out one after another; a driver that can answer at once costs no turn. */
async function drive(
  steps: Deletion,
  signal: AbortSignal | undefined,
  perform: (operation: Operation) => Promise<Answer> | Answer,
): Promise<void> {
  let step = steps.next()
  while (step.done !== true) {
    throwIfAborted(signal)
    let answer: Answer
    try {
      const result = perform(step.value)
      answer = types.isPromise(result) ? await result : result
    } catch (error) {
      throwIfAborted(signal)
      step = steps.throw(error)
      continue
    }
    step = steps.next(answer)
  }
}
