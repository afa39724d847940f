// One listener for an event of an emitter, however many wait for it. Guarantee: it is removed with the last of them.
// Responses that wait behind each other on a connection (pipelining) all watch its socket, and Node warns at the eleventh
// listener.

import type { EventEmitter } from 'node:events'

type Callback = () => void

class Shared {
  readonly callbacks = new Set<Callback>()
  readonly listener = (): void => {
    for (const callback of this.callbacks) callback()
  }
}

const shared = new WeakMap<EventEmitter, Map<string, Shared>>()

/** Calls back at every `event` until the result is called. */
export function listenTogether(emitter: EventEmitter, event: string, callback: Callback): () => void {
  const events = shared.get(emitter) ?? new Map<string, Shared>()
  const { callbacks, listener } = events.get(event) ?? new Shared()
  if (callbacks.size === 0) {
    emitter.on(event, listener)
    shared.set(emitter, events.set(event, { callbacks, listener }))
  }
  callbacks.add(callback)
  return () => {
    if (callbacks.delete(callback) && callbacks.size === 0) {
      emitter.removeListener(event, listener)
      events.delete(event)
    }
  }
}
