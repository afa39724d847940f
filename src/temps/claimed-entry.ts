// A claimed handoff as its user holds it: a TempFile or TempDir whose removal completes it and whose scope's
// end releases it. Promise: complete() resolves only for a handoff that will not come back.

import { TempFileError } from '../errors.ts'
import type { Hold } from '../handoff/held-claim.ts'
import type { Claim, ClaimMembers } from '../types.ts'
import { DirEntry } from './dir.ts'
import { FileEntry } from './file.ts'
import type { Holding } from './holding.ts'
import type { Affixes } from './naming.ts'

const NO_AFFIXES: Affixes = { prefix: '', suffix: '' } // a claim's name comes from its holding

/** How a claim ended; undefined while it is held. */
interface End {
  way: 'completed' | 'released' | undefined
}

/** A claim of the handoff that `hold` has won. */
export function claimEntry<M>(hold: Hold): Claim<M> {
  const end: End = { way: undefined }
  const holding = holdingOf(hold, end)
  const entry =
    hold.record.kind === 'file'
      ? new FileEntry(hold.session, 0, NO_AFFIXES, holding)
      : new DirEntry(hold.session, 0, NO_AFFIXES, holding)
  const remove = entry.remove.bind(entry)
  const removeSync = entry.removeSync.bind(entry)
  const complete = async (): Promise<void> => {
    requireNotReturned(hold, end)
    await remove()
  }
  const members: ClaimMembers<M> & { remove(): Promise<void>; removeSync(): void } = {
    ticket: hold.record.ticket,
    meta: hold.record.meta as M, // what the publisher gave: the caller says what it expects
    attempt: hold.attempt,
    complete,
    remove: complete,
    removeSync: () => {
      requireNotReturned(hold, end)
      removeSync()
    },
    release: () => entry.giveBack(),
  }
  hold.session.context.counters.claimed++
  return Object.assign(entry, members)
}

/** Somebody else may have it already: to say "completed" would be untrue. */
function requireNotReturned(hold: Hold, end: End): void {
  if (end.way === 'completed') return
  if (end.way === 'released') {
    throw new TempFileError(
      'ERR_TEMP_REMOVED',
      'Cannot complete the handoff: this claim of it was released before. Claim it again.',
    )
  }
  if (!hold.session.ended) return
  throw new TempFileError(
    'ERR_TEMP_CLOSED',
    'Cannot complete the handoff: its manager was closed, which gave it back. Complete claims before close().',
  )
}

function holdingOf(hold: Hold, end: End): Holding {
  const complete = async (): Promise<void> => {
    await hold.complete()
    end.way = 'completed'
  }
  const release = (): void => {
    hold.release()
    end.way ??= 'released'
  }
  return {
    get path() {
      return hold.path
    },
    name: hold.record.name,
    workshop: hold.directory,
    discard: complete,
    discardSync: () => {
      hold.completeSync()
      end.way = 'completed'
    },
    vacate: complete,
    leave: async () => release(),
    leaveSync: release,
  }
}
