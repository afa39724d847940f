// Handoffs nobody came for. Promise: the time to live counts from the attempt file's ctime, by the volume's
// clock; a handoff claimed and given back between the look and the rename is renamed back, whole.
//   1. overdue at a first look: rename handoffs/<ticket> to .dead-<ticket>-<random>
//   2. look again: younger now: rename it back; overdue still: .gone-, the commit
// (The contract renames to .gone- at once and looks afterwards; but another sweeper deletes a .gone- without
// looking, so a suspect must stand under a tombstone's name.)

import type { FileSystem } from '../disk/file-system.ts'
import { renameIfThere } from '../disk/rename-if-there.ts'
import { errnoOf } from '../errors.ts'
import { deadName, goneName, inside, parseAttempt, type Root } from '../layout.ts'
import { type HandoffRead, readHandoff } from './handoff-record.ts'

/** What can be said of a published handoff's age. */
export interface Age {
  readonly read: HandoffRead
  /** Attempts so far; undefined when the counter is missing. */
  readonly attempts: number | undefined
  /** The volume's time from which its time to live counts, in milliseconds. */
  readonly since: number | undefined
}

export function ageOf(fs: FileSystem, directory: string, ticket: string): Age {
  const read = readHandoff(fs, directory, ticket)
  try {
    for (const name of fs.readdirSync(directory).map(String)) {
      const attempts = parseAttempt(name)
      if (attempts !== undefined)
        return { read, attempts, since: fs.lstatSync(inside(directory, name)).ctimeMs }
    }
  } catch (error) {
    if (errnoOf(error) !== 'ENOENT') throw error
  }
  return { read, attempts: undefined, since: undefined }
}

/** Whether it is overdue; never when its record or counter cannot be read, or the clock could not be asked. */
export function isOverdue(age: Age, now: number | undefined): boolean {
  return (
    age.read.state === 'read' &&
    age.since !== undefined &&
    now !== undefined &&
    now - age.since > age.read.record.ttl
  )
}

/** Suspects, looks again, commits. Returns where the condemned handoff stands, or undefined when it lives. */
export function expire(root: Root, ticket: string, now: number): string | undefined {
  const tombstone = inside(root.layout.sessions, deadName(ticket))
  if (!renameIfThere(root.fs, inside(root.layout.handoffs, ticket), tombstone)) return undefined
  return settleExpiry(root, tombstone, ticket, now)
}

/** The second look, at a tombstone that may also be another sweeper's. */
export function settleExpiry(
  root: Root,
  tombstone: string,
  ticket: string,
  now: number | undefined,
): string | undefined {
  const { fs, layout } = root
  if (!isOverdue(ageOf(fs, tombstone, ticket), now)) {
    renameIfThere(fs, tombstone, inside(layout.handoffs, ticket))
    return undefined
  }
  const gone = inside(layout.sessions, goneName(ticket))
  return renameIfThere(fs, tombstone, gone) ? gone : undefined
}
