// Every undocumented member of Node that the project uses, with its fallback. Guarantee: where a member is missing the
// caller gets undefined and goes on without it. Tested on Node 20.19, 20.20, 22, 24 and 26.

import type { Server } from 'node:net'

/** `server._handle.fd`: the descriptor that a server listens on. Without it a closed descriptor is not noticed. */
export function descriptorOf(server: Server): number | undefined {
  const fd = (server as { _handle?: { fd?: unknown } })._handle?.fd // undocumented, so it is not in the types
  return typeof fd === 'number' ? fd : undefined
}

interface ProcessWithReallyExit {
  reallyExit?: (code?: number | string | null) => never
}

/**
 * `process.reallyExit`: the last step of process.exit(), also when that is called by an `exit` listener, which skips the
 * listeners after it. Calls `before` at that step. Without it such a call skips our cleanup, and a sweep does it.
 */
export function beforeReallyExit(target: object, before: () => void): void {
  const owner = target as ProcessWithReallyExit // undocumented, so it is not in the types
  const original = owner.reallyExit
  if (typeof original !== 'function') return
  owner.reallyExit = (code): never => {
    before()
    return original.call(owner, code)
  }
}

/** The process of Node's main realm, also inside a realm that has a copy (Jest); there is one a thread. */
export function mainProcess(): NodeJS.Process {
  return process.getBuiltinModule('node:process')
}
