// Claiming for a manager. Guarantee: a claim counts towards limits.liveEntries until it ends, and one whose work failed
// goes back with the error's text.

import { claim } from '../handoff/claim.ts'
import type { HeldClaim } from '../handoff/held-claim.ts'
import { disposing } from '../runtime/dispose.ts'
import type { Session } from '../session/session.ts'
import { claimEntry } from '../temps/claimed-entry.ts'
import type { Claim } from '../types.ts'
import type { Callback } from './callback-arguments.ts'

/** Claims `ticket` for its user; see {@link claimEntry}. */
export async function claimTicket(session: Session, ticket: string): Promise<HeldClaim> {
  session.quota.addEntry()
  try {
    return await claim(session, ticket)
  } catch (error) {
    session.quota.dropEntry()
    throw error
  }
}

/** Calls `fn` with a claim, then completes it; gives the handoff back when `fn` throws. */
export async function workOnClaim<M, T>(held: HeldClaim, fn: Callback<Claim<M>, T>): Promise<T> {
  return await disposing(claimEntry<M>(held), async (entry) => {
    let result: T
    try {
      result = await fn(entry)
    } catch (error) {
      held.reason = error
      throw error
    }
    // Unless `fn` ended it. A claim that close() or removeAll() gave back rejects here.
    if (held.way === undefined) await entry.complete()
    return result
  })
}
