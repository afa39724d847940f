// Claims of a manager. Guarantee: an operation counts as running before the code that it needs is loaded, so removeAll() and
// close() wait for it.

import type { HeldClaim } from '../handoff/held-claim.ts'
import { requireCallback } from '../input/options.ts'
import type { Lifecycle } from '../lifecycle.ts'
import { operations } from '../on-demand.ts'
import type { Claim } from '../types.ts'
import type { Callback } from './callback-arguments.ts'

export async function claim<M>(life: Lifecycle, ticket: string): Promise<Claim<M>> {
  const held = await take(life, ticket)
  return (await operations()).claimEntry<M>(held)
}

export async function withClaim<M, T>(
  life: Lifecycle,
  ticket: string,
  fn: Callback<Claim<M>, T>,
): Promise<T> {
  requireCallback('withClaim', fn, 'second')
  const held = await take(life, ticket)
  return await (await operations()).workOnClaim(held, fn)
}

function take(life: Lifecycle, ticket: string): Promise<HeldClaim> {
  return life.run(async (session) => (await operations()).claimTicket(session, ticket))
}
