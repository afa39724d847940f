// The only place that deletes recursively: three drivers of one algorithm (deletion.ts), which differ in what
// they block. Guarantee: the report names each entry that was kept or failed; only an abort is thrown.

import { basename, dirname, join, resolve } from 'node:path'
import { types } from 'node:util'
import type { FileSystem } from '../file-system.ts'
import { type MountTable, readMounts } from '../mounts.ts'
import { OpenDirectories } from '../open-directories.ts'
import { hasOwners, isRealDisk } from '../ownership.ts'
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
import { nextSlice, SLICE_MS, sliceIsOver } from './slice.ts'

export type { RemoveReport } from './operation.ts'

/** Options of every removal. */
export interface TreeOptions extends TopRules {
  /** A table read after the last rename of the path or of a directory above it. Default: read now. */
  readonly mounts?: MountTable | undefined
}

/** Options of the asynchronous removals. */
export interface RemoveOptions extends TreeOptions {
  /** Stops between two steps; the removal then rejects with ERR_TEMP_ABORTED and can be repeated. */
  readonly signal?: AbortSignal | undefined
}

/** Options of {@link removeTreeSliced}. */
export interface SlicedOptions extends RemoveOptions {
  /** Milliseconds for which the event loop may be blocked at a time. Default 5. */
  readonly sliceMs?: number | undefined
  /** Called about every `sliceMs` while it runs, with what was removed so far. */
  readonly onSlice?: ((removed: RemoveReport) => unknown) | undefined
  /** How many large files are unlinked concurrently in the thread pool. */
  readonly concurrency?: number | undefined
}

/** Deletes a tree or a file synchronously: for the exit hook and for `using`. Counts no bytes. */
export function removeTreeSync(fs: FileSystem, path: string, options: TreeOptions = {}): RemoveReport {
  const { steps, report, open } = prepareSync(fs, path, options)
  try {
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
  } finally {
    open.close()
  }
  return report
}

/**
 * Deletes a tree or a file in the thread pool: for `await using`, where one unlink of a large file would hold the
 * loop for tens of milliseconds. Only a directory that others can change is opened on the loop.
 * @throws ERR_TEMP_ABORTED
 */
export async function removeTree(
  fs: FileSystem,
  path: string,
  options: RemoveOptions = {},
): Promise<RemoveReport> {
  const top = resolve(path)
  const realParent = await fs.promises.realpath(dirname(top)).then(String, () => undefined)
  const { steps, report, open } = prepare(
    fs,
    { top, realParent, mounts: options.mounts ?? readMounts() },
    options,
  )
  try {
    await drive(steps, options.signal, (operation) =>
      operation.kind === 'empty'
        ? emptyAsync(fs, operation, report, options.signal)
        : performAsync(fs, operation),
    )
  } finally {
    open.close()
  }
  return report
}

/**
 * Deletes a tree or a file on the loop, which is several times faster than in the thread pool, in slices that
 * leave time for the program: for sweeps. All removals of a process share one slice, however many run.
 * @throws ERR_TEMP_ABORTED
 */
export async function removeTreeSliced(
  fs: FileSystem,
  path: string,
  options: SlicedOptions = {},
): Promise<RemoveReport> {
  const { sliceMs = SLICE_MS, concurrency = LARGE_IN_FLIGHT, signal, onSlice } = options
  const { steps, report, open } = prepareSync(fs, path, options)
  const pause = (): Promise<void> => {
    onSlice?.(report)
    return nextSlice(sliceMs)
  }
  try {
    await drive(steps, signal, (operation) => {
      if (operation.kind === 'empty')
        return emptySliced(fs, operation, report, { pause, concurrency, signal })
      if (sliceIsOver()) return pause().then(() => performSync(fs, operation))
      return performSync(fs, operation)
    })
  } finally {
    open.close()
  }
  return report
}

/** Throws what prevented a removal from being complete. */
export function requireComplete({ errors: [failed], kept: [kept] }: RemoveReport): void {
  if (failed !== undefined) throw failed.error
  if (kept !== undefined) throw new Error(`not removed: ${kept.reason}`)
}

interface Located {
  readonly top: string
  readonly realParent: string | undefined
  readonly mounts: MountTable
}

interface Prepared {
  readonly steps: Deletion
  readonly report: RemoveReport
  readonly open: OpenDirectories
}

function prepareSync(fs: FileSystem, path: string, options: TreeOptions): Prepared {
  const top = resolve(path)
  const mounts = options.mounts ?? readMounts()
  return prepare(fs, { top, realParent: realDirectorySync(fs, dirname(top), mounts), mounts }, options)
}

/** The steps for an absolute path whose directory's real path is known: the mount table holds real paths only. */
function prepare(fs: FileSystem, { top, realParent, mounts }: Located, rules: TopRules): Prepared {
  const report: RemoveReport = { files: 0, directories: 0, bytes: 0, kept: [], errors: [] }
  const open = new OpenDirectories(fs)
  const unread = isRealDisk(fs) ? mounts.unread : undefined
  if (unread?.passing === true) {
    report.errors.push({ path: top, error: unread.error })
    return { steps: nothing(), report, open }
  }
  const name = basename(top)
  const real = realParent === undefined ? top : join(realParent, name)
  const mountPoints = mounts.below(real).map((point) => top + point.slice(real.length))
  const blind = unread !== undefined
  const start = { top, directory: dirname(top), name, mountPoints, blind, report, open }
  // Without users there is no other user who could exchange a directory.
  const steps = deletion(start, hasOwners(fs) ? rules : { ...rules, foreign: false })
  return { steps, report, open }
}

function* nothing(): Deletion {}

// A mount table is a snapshot, and while it is in use the real path of the directory that holds a sweep's thousand
// sessions may be one too: a realpath for each session cost 3 % of the sweep.
const realDirectories = new WeakMap<MountTable, Map<string, string>>()

/** Undefined where the directory does not exist or cannot be searched: then neither can what would be deleted. */
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

/** Carries the steps out one after another; a driver that answers synchronously costs no turn of the loop. */
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
