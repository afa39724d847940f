// A claimed handoff for its user: a TempFile or TempDir whose removal completes it and whose scope's end releases it.
// Guarantee: complete() resolves only for a handoff that will not come back.

import { TempFileError } from '../errors.ts'
import type { HeldClaim } from '../handoff/held-claim.ts'
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

/** The entry of a claim. */
export function claimEntry<M>(held: HeldClaim): Claim<M> {
  const end: End = { way: undefined }
  const holding = holdingOf(held, end)
  const entry =
    held.record.kind === 'file'
      ? new FileEntry(held.session, 0, NO_AFFIXES, holding)
      : new DirEntry(held.session, 0, NO_AFFIXES, holding)
  const remove = entry.remove.bind(entry)
  const removeSync = entry.removeSync.bind(entry)
  const complete = async (): Promise<void> => {
    requireNotReturned(held, end)
    await remove()
  }
  const members: Omit<ClaimMembers<M>, 'signal'> & { remove(): Promise<void>; removeSync(): void } = {
    ticket: held.record.ticket,
    meta: held.record.meta as M, // the publisher's value: the caller declares its type
    attempt: held.attempt,
    complete,
    remove: complete,
    removeSync: () => {
      requireNotReturned(held, end)
      removeSync()
    },
    release: (reason) => {
      held.reason = reason
      return entry.giveBack()
    },
  }
  held.session.context.counters.claimed++
  const signal = { get: () => held.signal } // created on its first use, because it watches the disk
  return Object.defineProperty(Object.assign(entry, members), 'signal', signal) as unknown as Claim<M> // defineProperty does not type what it adds
}

/** Another claimant may have it already: complete() must not resolve. */
function requireNotReturned(held: HeldClaim, end: End): void {
  if (end.way === 'completed') return
  if (end.way === 'released') {
    throw new TempFileError(
      'ERR_TEMP_REMOVED',
      'Cannot complete the handoff: this claim was released before. Claim it again.',
    )
  }
  if (!held.session.ended) return
  throw new TempFileError(
    'ERR_TEMP_CLOSED',
    'Cannot complete the handoff: its manager was closed, which gave it back. Complete claims before close().',
  )
}

function holdingOf(held: HeldClaim, end: End): Holding {
  const complete = async (): Promise<void> => {
    await held.complete()
    end.way = 'completed'
  }
  const release = (): void => {
    held.release()
    end.way ??= 'released'
  }
  return {
    get path() {
      return held.path
    },
    name: held.record.name,
    workshop: held.directory,
    discard: complete,
    discardSync: () => {
      held.completeSync()
      end.way = 'completed'
    },
    vacate: complete,
    leave: async () => release(),
    leaveSync: release,
  }
}
