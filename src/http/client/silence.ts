// Gives up a transfer in which no byte moves. Guarantee: the clock restarts with every byte, keeps no process alive, and
// stops at `end`.

import { errnoOf, TempFileError } from '../../errors.ts'

export interface SilenceWatch {
  /** Restarts the clock. */
  stir(): void
  end(): void
}

/** Calls `giveUp` with ERR_TEMP_TIMEOUT when `stir` was not called for this many milliseconds; never with 0. */
export function watchSilence(ms: number, giveUp: (error: TempFileError) => void): SilenceWatch {
  if (ms === 0) return { stir: () => {}, end: () => {} }
  const timer = setTimeout(() => giveUp(silent(ms)), ms).unref()
  return { stir: () => void timer.refresh(), end: () => clearTimeout(timer) }
}

/** Node's fetch gives up on its own after five minutes without a byte. */
const FETCH_TIMEOUTS: readonly unknown[] = ['UND_ERR_HEADERS_TIMEOUT', 'UND_ERR_BODY_TIMEOUT']

/** Whether an error of fetch() is that of its own limits. */
export function fetchTimedOut(error: unknown): boolean {
  return error instanceof Error && FETCH_TIMEOUTS.includes(errnoOf(error.cause))
}

/** The error for {@link fetchTimedOut}. */
export function fetchTimeout(cause: unknown): TempFileError {
  return new TempFileError(
    'ERR_TEMP_TIMEOUT',
    "No byte has moved for as long as Node's fetch waits, which is five minutes. Try again later.",
    { cause },
  )
}

export function silent(ms: number): TempFileError {
  return new TempFileError(
    'ERR_TEMP_TIMEOUT',
    `No byte has moved for ${ms} ms. Try again later, or set a longer 'timeout'.`,
    { details: { milliseconds: ms } },
  )
}
