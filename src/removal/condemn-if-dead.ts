// Decides about a suspected session. Guarantee: it is condemned only if it proves dead a second time, under a tombstone's
// name, from which an owner that was wrongly suspected takes it back.

import type { FileSystem } from '../disk/file-system.ts'
import { existsAt, isDirectoryAt, renameIfThere } from '../disk/paths.ts'
import type { RemoveReport } from '../disk/remove/remove.ts'
import { isDiskFull } from '../errors.ts'
import { deadName, goneName, inside, liveName, type Root } from '../layout.ts'
import { judge } from '../liveness/judge.ts'
import type { SessionPlace } from '../liveness/lease.ts'
import type { Policy } from '../liveness/verdict.ts'
import { makeRoom } from './full-disk.ts'
import { preserveSession } from './kept.ts'
import { type Condemned, finishRemoval } from './remove-session.ts'

/** The decision about a suspected session. */
export type Decision =
  /** It proved dead: {@link finishRemoval} deletes it. */
  | { readonly outcome: 'condemned'; readonly reason: string; readonly condemned: Condemned }
  /** It proved dead, and was moved to kept/, because its owner had set `preserve`. */
  | { readonly outcome: 'preserved'; readonly reason: string }
  /** It is alive, nothing proves it dead, or it is judged again later. */
  | { readonly outcome: 'kept'; readonly reason: string }
  /** Another process renamed it first. */
  | { readonly outcome: 'taken' }

export interface DecideOptions {
  readonly policy?: Policy | undefined
  /** The volume's now, where it is known. */
  readonly now?: number | undefined
  readonly signal?: AbortSignal | undefined
}

/**
 * Condemns the session at `place` (under its live name or as a tombstone) if it proves dead a second time. The second
 * judgement takes place under a tombstone's name, from which an owner that was wrongly suspected takes it back.
 */
export async function condemnIfDead(
  root: Root,
  { directory, id }: SessionPlace,
  { policy, now, signal }: DecideOptions = {},
): Promise<Decision> {
  const { fs, layout } = root
  const live = inside(layout.sessions, liveName(id))
  const tombstone = directory === live ? inside(layout.sessions, deadName(id)) : directory
  const room: Room = { signal, cleared: [] }
  if (directory === live && !(await renameSuspect(root, { directory: live, id }, tombstone, room)))
    return { outcome: 'taken' }
  const suspect = { directory: tombstone, id }
  const { verdict, reason, owner } = await judge(root, suspect, { policy, now })
  if (verdict === 'alive' || verdict === 'unknown') return restore(fs, tombstone, live, reason)
  if (verdict === 'wait')
    return { outcome: 'kept', reason: `${reason}; suspected, its owner may still take it back` }
  if (owner?.preserve === true) {
    preserveSession(root, tombstone, id, `preserve is set; ${reason}`)
    return { outcome: 'preserved', reason: `${reason}; its owner has set preserve` }
  }
  const path = inside(layout.sessions, goneName(id))
  if (!(await renameSuspect(root, suspect, path, room))) return { outcome: 'taken' }
  const claimReason = `its claimant ended without completing it: ${reason}`
  return { outcome: 'condemned', reason, condemned: { path, claimReason, cleared: room.cleared } }
}

/** {@link condemnIfDead}, and the deletion of what it condemned. */
export async function removeIfDead(root: Root, place: SessionPlace): Promise<void> {
  if (!isDirectoryAt(root.fs, place.directory)) return // a link, which this package did not make, or removed meanwhile
  const decision = await condemnIfDead(root, place)
  if (decision.outcome === 'condemned') await finishRemoval(root, decision.condemned)
}

/** The deletions that made room for a rename. */
interface Room {
  readonly signal: AbortSignal | undefined
  readonly cleared: RemoveReport[]
}

/** Renames a suspect; false if it is not there. On a full disk it must prove dead first, and then room is made. */
async function renameSuspect(root: Root, place: SessionPlace, to: string, room: Room): Promise<boolean> {
  const { fs } = root
  try {
    return renameIfThere(fs, place.directory, to)
  } catch (error) {
    if (!isDiskFull(error)) throw error
    const { verdict, owner } = await judge(root, place)
    if (verdict !== 'dead' || owner?.preserve === true) throw error
    room.cleared.push(...(await makeRoom(fs, place.directory, room.signal)))
    return renameIfThere(fs, place.directory, to)
  }
}

function restore(fs: FileSystem, tombstone: string, live: string, reason: string): Decision {
  if (existsAt(fs, live))
    return {
      outcome: 'kept',
      reason: `${reason}; its name was taken meanwhile, so it stays a tombstone`,
    }
  return renameIfThere(fs, tombstone, live) ? { outcome: 'kept', reason } : { outcome: 'taken' }
}
