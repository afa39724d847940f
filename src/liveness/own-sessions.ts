// The sessions of this thread's program. Guarantee: every copy of the package and every realm (Jest) of one thread sees
// the same set, and execve, which keeps pid and start time, empties it.

import { mainProcess } from '../runtime/node-internals.ts'

// The key carries the protocol's version.
const KEY = Symbol.for('temp-file-manager.sessions.v1')

function own(): Set<string> {
  const holder = mainProcess() as { [KEY]?: Set<string> } // a slot of this package on Node's own process object
  holder[KEY] ??= new Set()
  return holder[KEY]
}

export function addOwnSession(id: string): void {
  own().add(id)
}

export function deleteOwnSession(id: string): void {
  own().delete(id)
}

/** Whether this thread's present program created the session. */
export function isOwnSession(id: string): boolean {
  return own().has(id)
}
