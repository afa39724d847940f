// The empty files that count: `attempt-<n>` (claims so far) and `retried-<n>` (claims before the last retry). Guarantee: the
// count never decreases, and neither counting nor giving back needs space. The attempt file's times record since when the
// handoff waits for a claimant:
//   ctime   by the volume's clock
//   atime   the number of the boot, mtime the boot clock, both in seconds; utimes sets the ctime as well

import { createEmpty } from '../disk/empty-file.ts'
import type { FileSystem } from '../disk/file-system.ts'
import { namesIn } from '../disk/paths.ts'
import { errnoOf } from '../errors.ts'
import { attemptName, inside, parseAttempt, parseRetried, retriedName } from '../layout.ts'
import { type Stamp, stampBootTime, stampOf } from '../liveness/boot-clock.ts'
import { log } from '../runtime/observe.ts'

export interface Attempt {
  /** Claims so far. */
  readonly count: number
  /** Claims before the last retry, which do not count towards the most allowed. */
  readonly retriedAt: number
  /** When the handoff was published, released or given back. */
  readonly since: Stamp
}

/** Reads the counters of the handoff in `directory`; undefined when there is none. Throws the system's error. */
export function readAttempt(fs: FileSystem, directory: string): Attempt | undefined {
  try {
    const names = namesIn(fs, directory)
    const count = highest(names, parseAttempt)
    if (count === undefined) return undefined
    const since = stampOf(fs.lstatSync(inside(directory, attemptName(count))))
    return { count, retriedAt: highest(names, parseRetried) ?? 0, since }
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return undefined
    throw error
  }
}

/** Creates the counter of a handoff that is being published. `chmod`: set its mode, because the umask strips bits of the owner. */
export function createAttempt(fs: FileSystem, directory: string, chmod: boolean): void {
  createEmpty(fs, inside(directory, attemptName(0)), chmod)
}

/** Counts one more claim, and returns its number. */
export function countAttempt(fs: FileSystem, directory: string, names: readonly string[]): number {
  const count = highest(names, parseAttempt)
  if (count === undefined) createEmpty(fs, inside(directory, attemptName(1)), false)
  else fs.renameSync(inside(directory, attemptName(count)), inside(directory, attemptName(count + 1)))
  return (count ?? 0) + 1
}

/** Allows as many claims again as before the first: none of those so far counts any more. */
export function markRetried(fs: FileSystem, directory: string, names: readonly string[]): void {
  const count = highest(names, parseAttempt) ?? 0
  const before = highest(names, parseRetried)
  const mark = inside(directory, retriedName(count))
  if (before === undefined) createEmpty(fs, mark, false)
  else fs.renameSync(inside(directory, retriedName(before)), mark)
}

/** The time to live starts again from now. A failure is only logged: the handoff must still be given back. */
export function stampAttempt(fs: FileSystem, directory: string, names: readonly string[]): void {
  const count = highest(names, parseAttempt)
  if (count === undefined) return
  try {
    stampBootTime(fs, inside(directory, attemptName(count)))
  } catch (error) {
    log.handoff('could not touch the attempt: %s', errnoOf(error))
  }
}

function highest(names: readonly string[], parse: (name: string) => number | undefined): number | undefined {
  const counts = names.map(parse).filter((count) => count !== undefined)
  return counts.length === 0 ? undefined : Math.max(...counts)
}
