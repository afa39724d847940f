// SIGINT, SIGTERM, SIGHUP, SIGBREAK: who cleans up, and how the process ends. Guarantee: the exit status is the one that
// the process has without this listener. If the program listens itself, it decides, and `exit` does the rest. Otherwise:
//   1. clean up; 2. stop listening; 3. end as the signal does (on POSIX by raising it again)

import { isMainThread } from '../liveness/process-identity.ts'
import { platform } from '../platform/index.ts'

// signal-exit raises a signal again only when all listeners are its own, so it and we must not wait for each
// other. Both versions count their listeners on an emitter that they publish: 3 under this name on process,
// 4 under this symbol.
const SIGNAL_EXIT_3 = '__signal_exit_emitter__'
const SIGNAL_EXIT_4 = Symbol.for('signal-exit emitter')

function countOf(emitter: unknown): number {
  const count =
    typeof emitter === 'object' && emitter !== null ? (emitter as { count?: unknown }).count : undefined
  return typeof count === 'number' ? count : 0
}

/** How many listeners of the signal belong neither to this package (`own`) nor to signal-exit. */
export function foreignListeners(signal: NodeJS.Signals, own: number): number {
  const published = process as unknown as Record<string | symbol, unknown> // other packages' slots on process
  const global = globalThis as Record<symbol, unknown>
  const signalExit =
    countOf(published[SIGNAL_EXIT_3]) + countOf(published[SIGNAL_EXIT_4] ?? global[SIGNAL_EXIT_4])
  return process.listenerCount(signal) - own - signalExit
}

/** Listens until the returned function is called. In a worker thread signals do not arrive: nothing is done. */
export function listenToSignals(cleanUp: () => void): () => void {
  if (!isMainThread()) return () => {}
  const listener = (signal: NodeJS.Signals): void => {
    if (foreignListeners(signal, 1) > 0) return
    cleanUp()
    stop()
    platform().endBy(signal)
  }
  const signals = platform().endingSignals
  const stop = (): void => {
    for (const signal of signals) process.off(signal, listener)
  }
  // First in the row: a program's `once` listener before us would be gone when we count, and its work cut short.
  for (const signal of signals) process.prependListener(signal, listener)
  return stop
}
