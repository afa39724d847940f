// Repeats a removal that failed for a reason that can pass. Guarantee: one total time budget bounds all attempts of a call
// together, and an error that waiting cannot cure is thrown at once.

import { errnoOf } from '../../errors.ts'
import { timers } from '../../runtime/lazy.ts'

// Busy: a scanner or an indexer has it open, a mount is being undone. Not empty: another process still writes, or
// NFS keeps `.nfs...` of an open file. Out of descriptors: other parts of the program give some back.
const PASSING = new Set(['EBUSY', 'EPERM', 'ENOTEMPTY', 'EMFILE', 'ENFILE'])

/** The first pause; each next one is twice as long, up to {@link LONGEST_PAUSE_MS}. */
const FIRST_PAUSE_MS = 1
const LONGEST_PAUSE_MS = 200

/** The event loop is blocked meanwhile, so it must not be noticeable: under a tenth of a second. */
const SYNC_BUDGET_MS = 80

/** In the thread pool only the caller waits; scanners close a file within a second or two. */
const ASYNC_BUDGET_MS = 2_000

/**
 * The pauses of one call. They are counted by their own length, not by a clock: a program whose tests freeze
 * the clock must not retry for ever.
 */
function* pauses(budgetMs: number): Generator<number, void, void> {
  let left = budgetMs
  for (let next = FIRST_PAUSE_MS; left > 0; next = Math.min(next * 2, LONGEST_PAUSE_MS)) {
    const length = Math.min(next, left)
    left -= length
    yield length
  }
}

function isPassing(error: unknown): boolean {
  const errno = errnoOf(error)
  return errno !== undefined && PASSING.has(errno)
}

/** Calls `attempt` again after a passing failure, for at most `budgetMs`. Returns its result or throws its last error. */
export function retrySync<T>(attempt: () => T, budgetMs: number = SYNC_BUDGET_MS): T {
  const waits = pauses(budgetMs)
  for (;;) {
    try {
      return attempt()
    } catch (error) {
      const wait = isPassing(error) ? waits.next().value : undefined
      if (wait === undefined) throw error
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, wait)
    }
  }
}

/** As {@link retrySync}, without holding the event loop. */
export async function retry<T>(
  attempt: () => Promise<T> | T,
  budgetMs: number = ASYNC_BUDGET_MS,
): Promise<T> {
  const waits = pauses(budgetMs)
  for (;;) {
    try {
      return await attempt()
    } catch (error) {
      const wait = isPassing(error) ? waits.next().value : undefined
      if (wait === undefined) throw error
      await timers().setTimeout(wait)
    }
  }
}
