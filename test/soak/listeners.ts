// The listeners that the library adds to requests, responses and sockets, and those of them that it has not removed.

/** A listener that the library has added to a request, its response or its socket. */
interface Added {
  readonly emitter: NodeJS.EventEmitter
  readonly event: string | symbol
  readonly listener: (...args: never[]) => void
}
let added: Added[] = []
const watched = new WeakSet<NodeJS.EventEmitter>()

export function noteListeners(emitter: NodeJS.EventEmitter): void {
  if (watched.has(emitter)) return // a connection that is kept
  watched.add(emitter)
  const { on } = emitter
  const note: typeof on = (event, listener) => {
    if (isCalledByLibrary(new Error().stack ?? '')) added.push({ emitter, event, listener })
    return on.call(emitter, event, listener)
  }
  // The emitter of HTTP/2's socket is a proxy that refuses to be changed.
  if (Reflect.set(emitter, 'on', note)) Reflect.set(emitter, 'addListener', note)
}

/** Whether the library itself calls `on` or `once`, and not Node on its behalf. */
function isCalledByLibrary(stack: string): boolean {
  const frames = stack.split('\n').slice(1)
  const caller = frames.find((frame) => !frame.includes('node:events') && !frame.includes('/test/soak/'))
  return caller?.includes('/src/') === true
}

/** The library's listeners that are still there, by event; asked when no request is open. */
export function listenersLeft(): Record<string, number> {
  const left = added.filter(({ emitter, event, listener }) => emitter.rawListeners(event).includes(listener))
  added = left
  return count(left.map(({ emitter, event }) => `${emitter.constructor.name} ${String(event)}`))
}

export function countListeners(emitter: NodeJS.EventEmitter): Record<string, number> {
  return Object.fromEntries(emitter.eventNames().map((name) => [String(name), emitter.listenerCount(name)]))
}

/** How often each name occurs. */
export function count(names: readonly string[]): Record<string, number> {
  const counts: Record<string, number> = {}
  for (const name of names) counts[name] = (counts[name] ?? 0) + 1
  return counts
}
