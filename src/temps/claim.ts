// A claimed handoff as its user holds it: a TempFile or TempDir whose removal completes it and whose scope's
// end releases it.

import type { Hold } from '../handoff/hold.ts'
import { DirEntry } from './dir.ts'
import type { Affixes, Holding } from './entry.ts'
import { FileEntry } from './file.ts'
import type { Claim, ClaimMembers } from './types.ts'

const NO_AFFIXES: Affixes = { prefix: '', suffix: '' } // a claim's name comes from its holding

/** A claim of the handoff that `hold` has won. */
export function claimEntry<M>(hold: Hold): Claim<M> {
  const entry =
    hold.record.kind === 'file'
      ? new FileEntry(hold.session, 0, NO_AFFIXES, holdingOf(hold))
      : new DirEntry(hold.session, 0, NO_AFFIXES, holdingOf(hold))
  const members: ClaimMembers<M> = {
    ticket: hold.record.ticket,
    meta: hold.record.meta as M, // what the publisher gave: the caller says what it expects
    attempt: hold.attempt,
    complete: () => entry.remove(),
    release: () => entry.release(),
  }
  hold.session.context.counters.claimed++
  return Object.assign(entry, members)
}

function holdingOf(hold: Hold): Holding {
  return {
    get path() {
      return hold.path
    },
    name: hold.record.name,
    workshop: hold.directory,
    discard: () => hold.complete(),
    discardSync: () => hold.completeSync(),
    vacate: () => hold.complete(),
    leave: async () => hold.release(),
    leaveSync: () => hold.release(),
  }
}
