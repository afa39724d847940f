// Who this thread is. Guarantee: an answer is cached only when every question got one, so that one EMFILE does not
// leave a session that can never be judged.

import { platform } from '../platform/index.ts'
import type { OwnIdentity, Platform } from '../platform/platform.ts'

let cached: { readonly by: Platform; readonly identity: OwnIdentity } | undefined

/** This thread's identity. */
export function ownIdentity(by: Platform = platform()): OwnIdentity {
  if (cached?.by === by) return cached.identity
  const identity = by.identify()
  if (identity.complete) cached = { by, identity }
  return identity
}
