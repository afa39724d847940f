// A claimed handoff for its user: a TempFile or TempDir whose removal completes it and whose scope's end releases it.
// Guarantee: complete() resolves only for a handoff that will not come back.

import type { HeldClaim } from '../handoff/held-claim.ts'
import type { Claim, ClaimMembers } from '../types.ts'
import { DirEntry } from './dir.ts'
import { FileEntry } from './file.ts'
import type { Holding } from './holding.ts'
import type { Affixes } from './naming.ts'

const NO_AFFIXES: Affixes = { prefix: '', suffix: '' } // a claim's name comes from its holding

/** The entry of a claim. */
export function claimEntry<M>(held: HeldClaim): Claim<M> {
  const holding = holdingOf(held)
  const entry =
    held.record.kind === 'file'
      ? new FileEntry(held.session, 0, NO_AFFIXES, holding)
      : new DirEntry(held.session, 0, NO_AFFIXES, holding)
  const remove = entry.remove.bind(entry)
  const removeSync = entry.removeSync.bind(entry)
  const complete = async (): Promise<void> => {
    held.requireNotReturned()
    await (entry.disposed ? held.complete() : remove())
  }
  const members: Omit<ClaimMembers<M>, 'signal'> & { remove(): Promise<void>; removeSync(): void } = {
    ticket: held.record.ticket,
    meta: held.record.meta as M, // the publisher's value: the caller declares its type
    attempt: held.attempt,
    complete: () => held.session.during(complete()),
    remove: () => held.session.during(complete()),
    removeSync: () => {
      held.requireNotReturned()
      if (entry.disposed) held.completeSync()
      else removeSync()
    },
    release: (reason) => {
      held.reason = reason
      return held.session.during(entry.giveBack())
    },
  }
  held.session.context.counters.claimed++
  const signal = { get: () => held.signal } // created on its first use, because it watches the disk
  return Object.defineProperty(Object.assign(entry, members), 'signal', signal) as unknown as Claim<M> // defineProperty does not type what it adds
}

function holdingOf(held: HeldClaim): Holding {
  const complete = (): Promise<void> => held.complete()
  return {
    get path() {
      return held.path
    },
    name: held.record.name,
    workshop: held.directory,
    discard: complete,
    discardSync: () => held.completeSync(),
    vacate: complete,
    leave: async () => held.release(),
    leaveSync: () => held.release(),
    get completed() {
      return held.way === 'completed'
    },
  }
}
