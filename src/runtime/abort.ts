// One signal out of several. Promise: detach() takes every listener off again; AbortSignal.any keeps its
// sources' dependants alive on Node 20 as long as the longest lived source, here a manager's own.

import { setMaxListeners } from 'node:events'
import { TempFileError } from '../errors.ts'

/** A signal that aborts with the first of several, until it is detached. */
export interface JoinedSignal {
  readonly signal: AbortSignal
  detach(): void
}

/** @throws ERR_TEMP_OPTION_INVALID for what is no signal */
export function joinSignals(...signals: readonly (AbortSignal | undefined)[]): JoinedSignal {
  const present = signals.filter((signal) => signal !== undefined)
  for (const signal of present) {
    // By its methods: a test runner's realm has an AbortSignal of its own.
    if (typeof signal?.addEventListener !== 'function')
      throw new TempFileError('ERR_TEMP_OPTION_INVALID', 'signal must be an AbortSignal.')
  }
  const [only] = present
  if (only !== undefined && present.length === 1) return { signal: only, detach: () => {} }
  const controller = new AbortController()
  const detach = (): void => {
    for (const signal of present) signal.removeEventListener('abort', listener)
  }
  const listener = (event: Event): void => {
    detach()
    controller.abort((event.target as AbortSignal).reason) // it was registered on AbortSignals only
  }
  const aborted = present.find((signal) => signal.aborted)
  if (aborted !== undefined) controller.abort(aborted.reason)
  else
    for (const signal of present) {
      setMaxListeners(0, signal) // fifty uploads at once are no leak: each takes its listener off
      signal.addEventListener('abort', listener)
    }
  return { signal: controller.signal, detach }
}
