// Claiming for a manager. Guarantee: a claim counts towards limits.liveEntries until it ends, and one whose work failed
// goes back with the error's text.

import { claim, type Purpose } from '../handoff/claim.ts'
import type { HeldClaim } from '../handoff/held-claim.ts'
import type { Lifecycle } from '../lifecycle.ts'
import { disposing } from '../runtime/dispose.ts'
import { claimEntry } from '../temps/claimed-entry.ts'
import type { Claim } from '../types.ts'
import type { Callback } from './callback-arguments.ts'

export function claimTicket(life: Lifecycle, ticket: string, purpose: Purpose): Promise<HeldClaim> {
  return life.run(async (session) => {
    session.quota.addEntry()
    try {
      return await claim(session, ticket, purpose)
    } catch (error) {
      session.quota.dropEntry()
      throw error
    }
  })
}

/** Claims, calls `fn`, then completes; gives the handoff back when `fn` throws. */
export async function workOnClaim<M, T>(
  life: Lifecycle,
  ticket: string,
  fn: Callback<Claim<M>, T>,
): Promise<T> {
  const held = await claimTicket(life, ticket, 'work')
  return await disposing(claimEntry<M>(held), async (entry) => {
    let result: T
    try {
      result = await fn(entry)
    } catch (error) {
      held.reason = error
      throw error
    }
    // A claim that `fn` released, handed off or persisted has ended. One that close() gave back must reject here.
    if (!entry.disposed || life.session === undefined) await entry.complete()
    return result
  })
}
