// A claim that was not completed goes back. Promise: needs no space, loses nothing, and whoever does it a
// second time finds nothing to do. Synchronous: a commit rename in flight while the process exits would
// lose the handoff.
//   1. undo a half finished publishing of the claimed data (handOff of a claim, see publish.ts)
//   2. nothing left in data/: it had been completed, condemn and delete the husk
//   3. touch attempt-<n>, so that the time to live starts again; 4. rename it into handoffs/

import type { FileSystem } from '../disk/file-system.ts'
import { removeTreeSync } from '../disk/remove/remove.ts'
import { renameIfThere } from '../disk/rename-if-there.ts'
import { errnoOf } from '../errors.ts'
import { DATA, goneName, inside, isTicket, isUploadId, parseAttempt, type Root } from '../layout.ts'
import { log } from '../runtime/observe.ts'
import { giveBackUpload } from '../uploads/on-disk.ts'
import { readHandoff } from './handoff-record.ts'

export interface GivenBack {
  /** Tickets that can be claimed again. */
  readonly returned: string[]
  /** What could not be given back, and stays where it is. */
  readonly stuck: { readonly name: string; readonly why: string }[]
}

/** Gives back all that stands in a session's `claims/`, then removes that directory. */
export function giveBackAll(root: Root, claims: string): GivenBack {
  const { fs } = root
  const result: GivenBack = { returned: [], stuck: [] }
  if (isRemoved(fs, claims)) return result // it held no claim: nearly always
  if (isLink(fs, claims)) return result // nobody of us made it: what it points at is not ours to move
  // A claim of the session's own thread may still land here until rmdir has closed the door.
  for (let round = 0; round < 5; round++) {
    const names = list(fs, claims)
    if (names === undefined) return result
    result.stuck.length = 0
    for (const name of names) {
      if (!isTicket(name) && !isUploadId(name)) {
        result.stuck.push({ name, why: 'it is not a claim' })
        continue
      }
      try {
        if (giveBack(root, inside(claims, name), name)) result.returned.push(name)
      } catch (error) {
        result.stuck.push({ name, why: errnoOf(error) ?? String(error) })
      }
    }
    if (isRemoved(fs, claims)) return result
    if (result.stuck.length > 0) return result
  }
  return result
}

/** Gives one claim back; false when it had been completed or somebody else was first. Throws the system's error. */
export function giveBack(root: Root, claim: string, ticket: string): boolean {
  if (isUploadId(ticket)) return giveBackUpload(root, claim, ticket)
  const { fs, layout } = root
  const names = list(fs, claim)
  if (names === undefined) return false
  undoPublishings(fs, claim, names)
  if (isSpent(fs, claim, ticket)) {
    const gone = inside(layout.sessions, goneName(ticket))
    // A husk: it is deleted at once, for the sweep that gives it back has read sessions/ already.
    if (renameIfThere(fs, claim, gone)) removeTreeSync(fs, gone)
    return false
  }
  touchAttempt(fs, claim, names)
  const returned = renameIfThere(fs, claim, inside(layout.handoffs, ticket))
  if (returned) log.handoff('gave %s back', ticket)
  return returned
}

/**
 * Its data was moved away, by persist or another handOff, and the completion cut short. A record we cannot read
 * says nothing; and what a listing does not show (network file systems have shown none for a while) the kernel
 * must confirm by removing the empty directory.
 */
export function isSpent(fs: FileSystem, claim: string, ticket: string): boolean {
  const data = inside(claim, DATA)
  if ((list(fs, data) ?? []).length > 0 || readHandoff(fs, claim, ticket).state !== 'read') return false
  try {
    fs.rmdirSync(data)
    return true
  } catch (error) {
    return errnoOf(error) === 'ENOENT'
  }
}

/** Moves data that a half finished handOff of the claim had taken back into its place. */
export function undoPublishings(fs: FileSystem, claim: string, names: readonly string[]): void {
  for (const name of names) if (name.startsWith('.pub-')) undoPublishing(fs, claim, inside(claim, name))
}

function undoPublishing(fs: FileSystem, claim: string, publishing: string): void {
  const moved = inside(publishing, DATA)
  for (const name of list(fs, moved) ?? [])
    renameIfThere(fs, inside(moved, name), inside(inside(claim, DATA), name))
  if ((list(fs, moved) ?? []).length === 0) removeTreeSync(fs, publishing)
}

/** Sets the attempt file's ctime to the volume's now, from which its time to live counts. */
export function touchAttempt(fs: FileSystem, directory: string, names: readonly string[]): void {
  const attempt = names.find((name) => parseAttempt(name) !== undefined)
  if (attempt === undefined) return
  const now = Date.now() / 1000 // only the ctime counts, and that is the volume's own
  try {
    fs.utimesSync(inside(directory, attempt), now, now)
  } catch (error) {
    log.handoff('could not touch the attempt: %s', errnoOf(error))
  }
}

function isRemoved(fs: FileSystem, directory: string): boolean {
  try {
    fs.rmdirSync(directory)
    return true
  } catch (error) {
    return errnoOf(error) === 'ENOENT'
  }
}

function isLink(fs: FileSystem, path: string): boolean {
  try {
    return fs.lstatSync(path).isSymbolicLink()
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return false
    throw error
  }
}

function list(fs: FileSystem, directory: string): string[] | undefined {
  try {
    return fs.readdirSync(directory).map(String)
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return undefined
    throw error
  }
}
