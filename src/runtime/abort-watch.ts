// Hears one signal for many receives with a single listener. Promise: fifty uploads under one signal raise no
// MaxListenersExceededWarning (Node 20 gives it at eleven), and when the last one ends no listener is left.

interface Watch {
  readonly callbacks: Set<() => void>
  readonly listener: () => void
}

const watches = new WeakMap<AbortSignal, Watch>()

/** Calls `callback` when the signal aborts; the function returned ends that. Call it once. */
export function watchAbort(signal: AbortSignal, callback: () => void): () => void {
  const watch = watches.get(signal) ?? begin(signal)
  const own = (): void => callback() // two watchers may bring the same function
  watch.callbacks.add(own)
  return () => {
    watch.callbacks.delete(own)
    if (watch.callbacks.size > 0 || watches.get(signal) !== watch) return
    watches.delete(signal)
    signal.removeEventListener('abort', watch.listener)
  }
}

function begin(signal: AbortSignal): Watch {
  const callbacks = new Set<() => void>()
  const listener = (): void => {
    for (const callback of [...callbacks]) callback()
  }
  const watch = { callbacks, listener }
  watches.set(signal, watch)
  signal.addEventListener('abort', listener)
  return watch
}
