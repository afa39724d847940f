// Every undocumented member of Node that the project uses, with its fallback; those of connections are in
// connection-internals.ts, which fewer programs load. Guarantee: where a member is missing the
// caller gets undefined and continues without it. Tested on Node 20.19, 20.20, 22, 24 and 26.

import type { Server } from 'node:net'

/** `server._handle.fd`: the descriptor that a server listens on. Without it a closed descriptor is not noticed. */
export function descriptorOf(server: Server): number | undefined {
  const fd = (server as { _handle?: { fd?: unknown } })._handle?.fd // undocumented, so it is not in the types
  return typeof fd === 'number' ? fd : undefined
}

/** `process._exiting`: `exit` is being emitted. Without it a session that a throwing listener leaves goes with a sweep. */
export function isExiting(): boolean {
  return (process as { _exiting?: unknown })._exiting === true // undocumented, so it is not in the types
}

/**
 * Runs `work` after the `exit` listeners of a process that dies of an exception, also when one of them throws: Node calls
 * `process.emit` there, and swallows its error without an event. The listeners keep their order. A process that goes on after
 * all has its own `emit` again in the next turn. Where Node calls something else, `work` does not run.
 */
export function afterExitListeners(work: () => void): void {
  const { emit } = process
  const wrapper = (...given: readonly unknown[]): unknown => {
    try {
      return Reflect.apply(emit, process, given)
    } finally {
      if (given[0] === 'exit') work()
    }
  }
  const wrapped = wrapper as typeof emit // one overload for each event
  process.emit = wrapped
  setImmediate(() => {
    if (process.emit === wrapped) process.emit = emit
  })
}

/** The process of Node's main realm, also inside a realm that has a copy (Jest); there is one a thread. */
export function mainProcess(): NodeJS.Process {
  return process.getBuiltinModule('node:process')
}
