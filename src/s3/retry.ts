// Repeats a request that failed for a passing reason. Guarantee: it ends by its deadline, at an abort at once, and
// leaves neither a timer nor a listener.

import { onAbort } from '../runtime/abort.ts'
import { failureOf } from './store-failure.ts'

/** The time limits of an operation. */
export interface Budget {
  /** Monotonic: `performance.now()`. */
  readonly deadline: number
  readonly signal?: AbortSignal | undefined
}

/** An abort does not wait longer than this until what was started is undone; leases and sweeps undo what stays. */
export const UNDO_MS = 3000

const FIRST_WAIT_MS = 100
const LONGEST_WAIT_MS = 2000

export function budgetOf(ms: number, signal?: AbortSignal | undefined): Budget {
  return { deadline: performance.now() + ms, signal }
}

/** Calls `attempt` until it succeeds, fails for good, or the budget is used up: then it rejects with the last failure. */
export async function repeat<T>(budget: Budget, attempt: (leftMs: number) => Promise<T>): Promise<T> {
  for (let wait = FIRST_WAIT_MS; ; wait = Math.min(wait * 2, LONGEST_WAIT_MS)) {
    budget.signal?.throwIfAborted()
    try {
      return await attempt(Math.max(1, budget.deadline - performance.now()))
    } catch (error) {
      if (failureOf(error) !== 'passing') throw error
      const pause = wait * (0.5 + Math.random() / 2) // workers that lost the store together do not return together
      if (performance.now() + pause >= budget.deadline) throw error
      await pauseFor(pause, budget.signal)
    }
  }
}

/** Waits; rejects with the signal's reason when it aborts. */
export function pauseFor(ms: number, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => {
      detach()
      resolve()
    }, ms)
    const detach = onAbort([signal], ({ reason }) => {
      clearTimeout(timer)
      reject(reason)
    })
  })
}
