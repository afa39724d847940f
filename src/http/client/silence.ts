// Gives up a transfer in which no byte moves. Guarantee: the clock restarts with every byte, keeps no process alive, and
// stops at `end`.

import { TempFileError } from '../../errors.ts'

export interface SilenceWatch {
  /** Restarts the clock. */
  stir(): void
  end(): void
}

/** Calls `giveUp` with ERR_TEMP_TIMEOUT when `stir` was not called for this many milliseconds. */
export function watchSilence(ms: number, giveUp: (error: TempFileError) => void): SilenceWatch {
  const timer = setTimeout(() => giveUp(silent(ms)), ms).unref()
  return { stir: () => void timer.refresh(), end: () => clearTimeout(timer) }
}

export function silent(ms: number): TempFileError {
  return new TempFileError(
    'ERR_TEMP_TIMEOUT',
    `No byte has moved for ${ms} ms. Try again later, or set a longer 'timeout'.`,
    { details: { milliseconds: ms } },
  )
}
