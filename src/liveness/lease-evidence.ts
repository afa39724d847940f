// The evidence of a session's two leases together. Guarantee: a connection counts only on the socket that the owner
// recorded, and the second lease is asked only where its answer can change the verdict.

import { LEASE } from '../layout.ts'
import type { LeaseAnswer } from '../platform/platform.ts'
import { askLease, leaseIdentity, type SessionPlace } from './lease.ts'
import type { LeaseIdentity, Owner } from './owner.ts'
import type { Evidence } from './verdict.ts'

/** The second lease is asked where the first refuses and the process table has not shown the owner's end. */
export async function askLeases(
  names: readonly string[],
  place: SessionPlace,
  owner: Owner | undefined,
  hasEnded: boolean,
): Promise<LeaseAnswer> {
  const first = await askLease(place, names[0] ?? LEASE)
  if (first === 'answers' || hasEnded || owner?.lease2 === undefined || names[1] === undefined) return first
  const second = await askLease(place, names[1])
  if (second === 'answers' || second === first) return second
  return first === 'not-asked' || second === 'not-asked' ? 'not-asked' : 'silent'
}

/** Compares the leases on the disk with those that the owner recorded. */
export function compareLeases(
  names: readonly string[],
  place: SessionPlace,
  owner: Owner | undefined,
): Evidence['leaseIdentity'] {
  const recorded = [owner?.lease, owner?.lease2].slice(0, names.length)
  let result: Evidence['leaseIdentity'] = 'same'
  for (const [index, expected] of recorded.entries()) {
    if (index > 0 && expected === undefined) continue
    const found = compareLease(leaseIdentity(place, names[index] ?? LEASE), expected)
    if (found === 'other') return 'other'
    if (found === 'other-device') result = found
  }
  return result
}

function compareLease(
  found: LeaseIdentity | undefined,
  expected: LeaseIdentity | undefined,
): Evidence['leaseIdentity'] {
  if (found === undefined || found.ino !== expected?.ino) return 'other'
  return found.dev === expected.dev ? 'same' : 'other-device'
}
