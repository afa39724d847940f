// Listening to several abort signals at once. Promise: nothing stays on a signal that outlives the request
// (`AbortSignal.any` keeps its sources alive on Node 20).

import { setMaxListeners } from 'node:events'
import { nameOf, TempFileError } from '../../errors.ts'

/** Calls `stop` once, with a typed error, when one of the signals aborts; returns what takes the listeners off. */
export function onAbort(
  signals: readonly (AbortSignal | undefined)[],
  stop: (error: TempFileError) => void,
): () => void {
  const present = signals.filter((signal) => signal !== undefined)
  const detach = (): void => {
    for (const signal of present) signal.removeEventListener('abort', listener)
  }
  const listener = (event: Event): void => {
    detach()
    stop(abortError((event.target as AbortSignal).reason)) // it was registered on AbortSignals only
  }
  const aborted = present.find((signal) => signal.aborted)
  if (aborted !== undefined) {
    stop(abortError(aborted.reason))
    return () => {}
  }
  for (const signal of present) {
    setMaxListeners(0, signal) // many transfers at once under one signal are no leak
    signal.addEventListener('abort', listener)
  }
  return detach
}

/** The typed error of an abort: ERR_TEMP_TIMEOUT where the reason is a timeout's, else ERR_TEMP_ABORTED. */
export function abortError(reason: unknown): TempFileError {
  if (reason instanceof TempFileError && reason.code !== 'ERR_TEMP_CLOSED') return reason // CLOSED: its scope has ended
  if (nameOf(reason) === 'TimeoutError') {
    return new TempFileError(
      'ERR_TEMP_TIMEOUT',
      'The time allowed for this transfer is over. Nothing of it was kept.',
      { cause: reason },
    )
  }
  return new TempFileError('ERR_TEMP_ABORTED', 'The transfer was aborted. Nothing of it was kept.', {
    cause: reason,
  })
}
