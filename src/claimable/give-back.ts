// Giving a claim back that was not completed. Guarantee: it needs no space, loses nothing, and can be repeated by anyone.
// Synchronous: a commit rename in flight while the process exits would lose the handoff.
//   1. undo a half finished publishing of the claimed data (handOff of a claim, see publish.ts)
//   2. nothing left in data/: it was completed; condemn and delete what is left
//   3. note why, where there is room, or forget why an earlier claim failed; stamp attempt-<n>, so that the time to live starts again
//   4. rename it into handoffs/

import type { FileSystem } from '../disk/file-system.ts'
import { findSync, isDirectoryAt, namesIfThere, namesIn, renameIfThere } from '../disk/paths.ts'
import { removeTreeSync } from '../disk/remove/remove.ts'
import { atOnce, type Steps } from '../disk/remove/slice.ts'
import { renameInto } from '../disk/rename-into.ts'
import { errnoOf } from '../errors.ts'
import { DATA, FAILURE, goneName, inside, isPublishName, isTicket, isUploadId, type Root } from '../layout.ts'
import { log } from '../runtime/observe.ts'
import { stampAttempt } from './attempt.ts'
import { readHandoff } from './handoff-record.ts'
import { clearFailure, writeFailure } from './last-error.ts'
import { giveBackUpload } from './upload-state.ts'

export interface GivenBack {
  /** Tickets that can be claimed again. */
  readonly returned: string[]
  /** Claims that could not be given back, and stay where they are. */
  readonly stuck: { readonly name: string; readonly why: string }[]
}

/** Gives back everything in a session's `claims/`, then removes that directory. `reason`: why, for the lists. */
export function giveBackAll(root: Root, claims: string, reason?: string): GivenBack {
  return atOnce(givingBack(root, claims, reason))
}

/** As {@link giveBackAll}, one claim a step: 20,000 of them held the loop for 1.3 s. */
export function* givingBack(root: Root, claims: string, reason?: string): Steps<GivenBack> {
  const { fs } = root
  const result: GivenBack = { returned: [], stuck: [] }
  if (isRemoved(fs, claims)) return result // it held no claim: nearly always
  if (isLink(fs, claims)) return result // not created by this package: its target is not moved
  // Until rmdir succeeds, a thread of the session may still add a claim.
  for (let round = 0; round < 5; round++) {
    const names = namesIfThere(fs, claims)
    if (names === undefined) return result
    const { returned, stuck } = yield* giveBackEach(root, claims, names, reason)
    result.returned.push(...returned)
    if (isRemoved(fs, claims)) return result
    if (stuck.length > 0) return { ...result, stuck }
  }
  return result
}

function* giveBackEach(
  root: Root,
  claims: string,
  names: readonly string[],
  reason?: string,
): Steps<GivenBack> {
  const result: GivenBack = { returned: [], stuck: [] }
  for (const name of names) {
    try {
      const isClaim = (isTicket(name) || isUploadId(name)) && !isLink(root.fs, inside(claims, name))
      if (!isClaim) result.stuck.push({ name, why: 'it is not a claim' })
      else if (giveBack(root, inside(claims, name), name, reason) === 'returned') result.returned.push(name)
    } catch (error) {
      result.stuck.push({ name, why: errnoOf(error) ?? String(error) })
    }
    yield
  }
  return result
}

/** 'spent': its data was moved away, so it was completed. 'missing': another process was first. */
export type Returned = 'returned' | 'spent' | 'missing'

/** Gives one claim back. Throws the system's error. */
export function giveBack(root: Root, claim: string, ticket: string, reason?: string): Returned {
  if (isUploadId(ticket)) return giveBackUpload(root, claim, ticket) ? 'returned' : 'missing'
  const { fs, layout } = root
  const names = isDirectoryAt(fs, claim) ? namesIfThere(fs, claim) : undefined // a link leads out of the root
  if (names === undefined) return 'missing'
  undoPublishings(fs, claim, names)
  if (isSpent(fs, claim, ticket)) {
    const gone = inside(layout.sessions, goneName(ticket))
    // Deleted at once: the sweep that gives it back has read sessions/ already.
    if (renameIfThere(fs, claim, gone)) removeTreeSync(fs, gone)
    return 'spent'
  }
  if (reason !== undefined) writeFailure(fs, claim, reason)
  else if (names.includes(FAILURE)) clearFailure(fs, claim)
  stampAttempt(fs, claim, names)
  if (!renameInto(fs, claim, inside(layout.handoffs, ticket))) return 'missing'
  log.handoff('gave %s back', ticket)
  return 'returned'
}

/**
 * Whether its data was moved away, by persist or another handOff, and the completion was cut short. An unreadable record
 * proves nothing; and a listing proves nothing either (network file systems have shown an empty one for a while): the
 * kernel must confirm it by removing the empty directory.
 */
export function isSpent(fs: FileSystem, claim: string, ticket: string): boolean {
  const data = inside(claim, DATA)
  if ((namesIfThere(fs, data) ?? []).length > 0 || readHandoff(fs, claim, ticket).state !== 'read')
    return false
  return isRemoved(fs, data)
}

/**
 * What giving back the claim of a dead claimant will find, without changing anything: its data in its place, taken by a
 * handOff that was cut short, or moved away.
 */
export function lookForData(fs: FileSystem, claim: string): 'in-place' | 'returns' | 'spent' {
  const holdsData = (directory: string): boolean =>
    (namesIfThere(fs, inside(directory, DATA)) ?? []).length > 0
  if (holdsData(claim)) return 'in-place'
  const publishings = (namesIfThere(fs, claim) ?? []).filter(isPublishName)
  return publishings.some((name) => holdsData(inside(claim, name))) ? 'returns' : 'spent'
}

/** Moves data back that a half finished handOff of the claim had taken. */
export function undoPublishings(fs: FileSystem, claim: string, names: readonly string[]): void {
  for (const name of names) if (isPublishName(name)) undoPublishing(fs, claim, inside(claim, name))
}

/** A link in the place of one of these directories leads out of the root: nothing is moved through it. */
function undoPublishing(fs: FileSystem, claim: string, publishing: string): void {
  const [moved, home] = [inside(publishing, DATA), inside(claim, DATA)]
  const names = isDirectoryAt(fs, publishing) && isDirectoryAt(fs, moved) ? namesIn(fs, moved) : []
  if (names.length > 0 && !isDirectoryAt(fs, home)) return
  for (const name of names) renameIfThere(fs, inside(moved, name), inside(home, name))
  if (names.length === 0 || (namesIfThere(fs, moved) ?? []).length === 0) removeTreeSync(fs, publishing)
}

/** Removes an empty directory. False where one stays; a missing one counts as removed. */
function isRemoved(fs: FileSystem, directory: string): boolean {
  try {
    fs.rmdirSync(directory)
    return true
  } catch (error) {
    return errnoOf(error) === 'ENOENT'
  }
}

function isLink(fs: FileSystem, path: string): boolean {
  return findSync(fs, path)?.isSymbolicLink() === true
}
