// The end of a session or handoff. Guarantee: the rename to `.gone-` is the commit; after it any process may finish:
//   1. give back the claims (by renames; claims/ is removed by rmdir, never recursively)
//   2. delete the rest, each directory in it under a fresh name: a thread of the session may still rename one out, and
//      then it is whole, not half deleted

import { type GivenBack, giveBackAll } from '../claimable/give-back.ts'
import type { FileSystem } from '../disk/file-system.ts'
import { recentMounts } from '../disk/mounts.ts'
import { existsAt, renameIfThere } from '../disk/paths.ts'
import { type RemoveReport, removeTreeSliced, removeTreeSync } from '../disk/remove/remove.ts'
import { CLAIMS, deadName, goneName, inside, LEASE, LEASE_2, liveName, OWNER, type Root } from '../layout.ts'
import { judge } from '../liveness/judge.ts'
import type { SessionPlace } from '../liveness/lease.ts'
import type { Policy } from '../liveness/verdict.ts'
import { removeOutside } from '../session/outside.ts'
import { isFull, makeRoom, renameOnFullDisk } from './full-disk.ts'
import { preserveSession } from './kept.ts'

/** A directory renamed to `.gone-`: any process may delete it, without judging. */
export interface Condemned {
  readonly path: string
  /** Why its claims go back, as the lists of handoffs show it. */
  readonly claimReason?: string | undefined
  /** What was deleted before the rename, to make room for it. */
  readonly cleared?: readonly RemoveReport[] | undefined
}

/** What was decided about a suspected session. */
export type Decision =
  /** It proved dead: {@link finishRemoval} deletes it. */
  | { readonly outcome: 'condemned'; readonly reason: string; readonly condemned: Condemned }
  /** It proved dead, and was moved to kept/, because its owner had set `preserve`. */
  | { readonly outcome: 'preserved'; readonly reason: string }
  /** It is alive, nothing proves it dead, or it is judged again later. */
  | { readonly outcome: 'kept'; readonly reason: string }
  /** Another process renamed it first. */
  | { readonly outcome: 'taken' }

/** What a deletion did. */
export interface Removal {
  readonly claims: GivenBack
  readonly removed: RemoveReport
}

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
  const decision = await condemnIfDead(root, place)
  if (decision.outcome === 'condemned') await finishRemoval(root, decision.condemned)
}

/** What making room for a rename deleted. */
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
    if (!isFull(error)) throw error
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

/** Commits to the deletion of `path`, and returns its new path. Throws the system's error. */
export function condemn({ fs, layout }: Root, path: string, id: string): string {
  const gone = inside(layout.sessions, goneName(id))
  renameOnFullDisk(fs, path, gone)
  return gone
}

/** Finishes a deletion in slices that do not hold the event loop: close and sweep. */
export async function finishRemoval(
  root: Root,
  { path, claimReason, cleared = [] }: Condemned,
  signal?: AbortSignal,
): Promise<Removal> {
  const { fs, layout } = root
  const claims = giveBackAll(root, inside(path, CLAIMS), claimReason)
  removeOutside(fs, path)
  const removed =
    removeEmptySession(fs, path) ??
    (await removeTreeSliced(fs, path, { ...REMAINS, signal, mounts: recentMounts(fs, layout.root) }))
  for (const part of cleared) add(removed, part)
  return { claims, removed }
}

/** Finishes a deletion at once: exit and closeSync. */
export function finishRemovalSync(root: Root, path: string): Removal {
  const claims = giveBackAll(root, inside(path, CLAIMS))
  removeOutside(root.fs, path)
  const removed = removeEmptySession(root.fs, path) ?? removeTreeSync(root.fs, path, REMAINS)
  return { claims, removed }
}

/** Where a claim could not be given back, everything but claims/ is removed. */
const REMAINS = { setAside: true, spare: CLAIMS } as const

const OWN_NAMES = new Set([OWNER, LEASE, LEASE_2])

/**
 * A session that holds nothing but its own records: no tree to walk and no mount table to read, which takes a short
 * program's exit 4 ms. rmdir refuses what is not empty and what is a mount point. Undefined: use the general removal.
 */
function removeEmptySession(fs: FileSystem, gone: string): RemoveReport | undefined {
  try {
    const names = fs.readdirSync(gone).map(String)
    if (!names.every((name) => OWN_NAMES.has(name))) return undefined
    let bytes = 0
    for (const name of names) {
      const path = inside(gone, name)
      if (name === OWNER) bytes += fs.lstatSync(path).size
      fs.unlinkSync(path)
    }
    fs.rmdirSync(gone)
    return { files: names.length, directories: 1, bytes, kept: [], errors: [] }
  } catch {
    return undefined
  }
}

function add(total: RemoveReport, part: RemoveReport): void {
  total.files += part.files
  total.directories += part.directories
  total.bytes += part.bytes
  total.kept.push(...part.kept)
  total.errors.push(...part.errors)
}
