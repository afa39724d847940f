// Gives up a transfer in which nothing moves. Promise: the clock starts anew with every byte, holds no process
// alive, and is gone after `end`.

import { TempFileError } from '../../errors.ts'

export interface SilenceWatch {
  /** Something moved. */
  stir(): void
  end(): void
}

/** Calls `giveUp` with ERR_TEMP_TIMEOUT when nothing has stirred for so many milliseconds. */
export function watchSilence(ms: number, giveUp: (error: TempFileError) => void): SilenceWatch {
  const timer = setTimeout(() => giveUp(silent(ms)), ms).unref()
  return { stir: () => void timer.refresh(), end: () => clearTimeout(timer) }
}

export function silent(ms: number): TempFileError {
  return new TempFileError(
    'ERR_TEMP_TIMEOUT',
    `Nothing has moved for ${ms} ms. Try again later, or allow a longer 'timeout'.`,
    {
      details: { milliseconds: ms },
    },
  )
}
