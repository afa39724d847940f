// One signal out of several. Promise: detach() takes every listener off again; AbortSignal.any keeps its
// sources' dependants alive on Node 20 as long as the longest lived source, here a manager's own.

import { setMaxListeners } from 'node:events'

/** A signal that aborts with the first of several, until it is detached. */
export interface JoinedSignal {
  readonly signal: AbortSignal
  detach(): void
}

export function joinSignals(...signals: readonly (AbortSignal | undefined)[]): JoinedSignal {
  const present = signals.filter((signal) => signal !== undefined)
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
