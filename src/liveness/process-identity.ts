// The identity of this thread. Guarantee: an answer is cached only when every question got one, so that one EMFILE does not
// leave a session that can never be judged.

import { platform } from '../platform/index.ts'
import type { OwnIdentity, Platform } from '../platform/platform.ts'
import { threads } from '../runtime/lazy.ts'

/** Whether this is the process's main thread. If the kernel shows it, node:worker_threads (0.8 ms) is not loaded. */
export function isMainThread(): boolean {
  const { pid, tid } = ownIdentity()
  return tid === pid || threads().isMainThread
}

let cached: { readonly by: Platform; readonly identity: OwnIdentity } | undefined

/** This thread's identity. */
export function ownIdentity(by: Platform = platform()): OwnIdentity {
  if (cached?.by === by) return cached.identity
  const identity = by.identify()
  if (identity.complete) cached = { by, identity }
  return identity
}
