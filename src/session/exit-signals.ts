// SIGINT, SIGTERM and SIGHUP: who cleans up, and how the process dies. Promise: the exit status is the true
// one. If the program listens itself, it decides and `exit` does the rest. If nobody else listens:
//   1. clean up; 2. stop listening; 3. raise the signal again, so the kernel ends us by it.
// As pid 1 of a namespace the kernel drops a signal raised without a listener; there process.exit(128 + n) follows.

import { constants } from 'node:os'
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

/** How many listeners of the signal are neither ours nor signal-exit's. */
export function foreignListeners(signal: NodeJS.Signals, ours: number): number {
  const published = process as unknown as Record<string | symbol, unknown> // other packages' slots on process
  const global = globalThis as Record<symbol, unknown>
  const signalExit =
    countOf(published[SIGNAL_EXIT_3]) + countOf(published[SIGNAL_EXIT_4] ?? global[SIGNAL_EXIT_4])
  return process.listenerCount(signal) - ours - signalExit
}

/** Listens until the returned function is called. In a worker thread signals do not arrive: nothing is done. */
export function listenToSignals(cleanUp: () => void): () => void {
  if (!isMainThread()) return () => {}
  const listener = (signal: NodeJS.Signals): void => {
    if (foreignListeners(signal, 1) > 0) return
    cleanUp()
    stop()
    process.kill(process.pid, signal)
    if (process.pid === 1) process.exit(128 + constants.signals[signal])
  }
  const signals = platform().endingSignals
  const stop = (): void => {
    for (const signal of signals) process.off(signal, listener)
  }
  // First in the row: a program's `once` listener before us would be gone when we count, and its work cut short.
  for (const signal of signals) process.prependListener(signal, listener)
  return stop
}
