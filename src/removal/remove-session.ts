// The end of a session or handoff. Promise: the rename to `.gone-` is the commit; after it anybody may finish:
//   1. give back what stands in claims/ (by renames; claims/ goes by rmdir, never recursively)
//   2. delete the rest, each directory in it under a fresh name: its thread may still rename one out, and then it
//      is whole, not half deleted

import { type GivenBack, giveBackAll } from '../claimable/give-back.ts'
import type { FileSystem } from '../disk/file-system.ts'
import { recentMounts } from '../disk/mounts.ts'
import { renameIfThere } from '../disk/paths.ts'
import { type RemoveReport, removeTreeSliced, removeTreeSync } from '../disk/remove/remove.ts'
import { CLAIMS, deadName, goneName, inside, LEASE, LEASE_2, liveName, OWNER, type Root } from '../layout.ts'
import { judge } from '../liveness/judge.ts'
import type { SessionPlace } from '../liveness/lease.ts'
import type { Policy } from '../liveness/verdict.ts'
import { removeOutside } from '../session/outside.ts'
import { isFull, makeRoom, renameOnFullDisk } from './full-disk.ts'
import { noteReason, openKept } from './kept.ts'

/** What became of a suspected session. */
export type Fate =
  | { readonly fate: 'buried'; readonly reason: string; readonly burial: Burial }
  | { readonly fate: 'spared'; readonly reason: string }
  | { readonly fate: 'kept'; readonly reason: string }
  /** Somebody else was at it first. */
  | { readonly fate: 'taken' }

export interface Burial {
  readonly claims: GivenBack
  readonly removed: RemoveReport
}

/** How a suspect is dealt with. */
export interface BurialOptions {
  readonly policy?: Policy | undefined
  /** The volume's now, where it is known. */
  readonly now?: number | undefined
  /** Deletions share the loop; judgements need not wait for them. */
  readonly inTurn?: <T>(burial: () => Promise<T>) => Promise<T>
  readonly signal?: AbortSignal | undefined
}

/**
 * Buries the session at `directory` (its live name or a tombstone) if it proves dead a second time, under a
 * tombstone's name: an owner that was wrongly suspected takes it back from there.
 */
export async function buryIfDead(
  root: Root,
  { directory, id }: SessionPlace,
  { policy, now, inTurn = (burial) => burial(), signal }: BurialOptions = {},
): Promise<Fate> {
  const { fs, layout } = root
  const live = inside(layout.sessions, liveName(id))
  const tombstone = directory === live ? inside(layout.sessions, deadName(id)) : directory
  const cleared: RemoveReport[] = []
  const commit = async (from: string, to: string): Promise<boolean> => {
    try {
      return renameIfThere(fs, from, to)
    } catch (error) {
      if (!isFull(error)) throw error
      // No tombstone can be made, so the second judgement comes here; only proven death will do.
      const again = await judge(root, { directory: from, id })
      if (again.verdict !== 'dead' || again.owner?.preserve === true) throw error
      cleared.push(...(await makeRoom(fs, from, signal)))
      return renameIfThere(fs, from, to)
    }
  }
  if (directory === live && !(await commit(live, tombstone))) return { fate: 'taken' }
  const judged = await judge(root, { directory: tombstone, id }, { policy, now })
  const { reason } = judged
  if (judged.verdict === 'alive' || judged.verdict === 'unknown')
    return giveLifeBack(fs, tombstone, live, reason)
  if (judged.verdict === 'wait')
    return { fate: 'kept', reason: `${reason}; suspected, its owner may still take it back` }
  if (judged.owner?.preserve === true) {
    spare(root, tombstone, id, `preserve is set; ${reason}`)
    return { fate: 'spared', reason: `${reason}; its owner asked to keep it` }
  }
  const gone = inside(layout.sessions, goneName(id))
  if (!(await commit(tombstone, gone))) return { fate: 'taken' }
  const why = `its claimant ended without completing it: ${reason}`
  const burial = await inTurn(() => finish(root, gone, { signal, reason: why }))
  for (const part of cleared) add(burial.removed, part)
  return { fate: 'buried', reason, burial }
}

function giveLifeBack(fs: FileSystem, tombstone: string, live: string, reason: string): Fate {
  try {
    fs.lstatSync(live)
    return { fate: 'kept', reason: `${reason}; its name was taken meanwhile, so it stays a tombstone` }
  } catch {
    return renameIfThere(fs, tombstone, live) ? { fate: 'kept', reason } : { fate: 'taken' }
  }
}

/** Commits to the deletion of `path`; returns where it now stands. Throws the system's error. */
export function condemn({ fs, layout }: Root, path: string, id: string): string {
  const gone = inside(layout.sessions, goneName(id))
  renameOnFullDisk(fs, path, gone)
  return gone
}

/** Where a claim could not be given back, all but claims/ goes. */
const REMAINS = { setAside: true, spare: CLAIMS } as const

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

const OWN_NAMES = new Set([OWNER, LEASE, LEASE_2])

/** Finishes a deletion at once: exit and closeSync. */
export function finishSync(root: Root, gone: string): Burial {
  const claims = giveBackAll(root, inside(gone, CLAIMS))
  removeOutside(root.fs, gone)
  const removed = removeEmptySession(root.fs, gone)
  if (removed !== undefined) return { claims, removed }
  return { claims, removed: removeTreeSync(root.fs, gone, REMAINS) }
}

export interface FinishOptions {
  readonly signal?: AbortSignal | undefined
  /** Why its claims go back, as the lists of handoffs show it. */
  readonly reason?: string | undefined
}

/** Finishes a deletion in slices that do not hold the event loop: close and sweep. */
export async function finish(
  root: Root,
  gone: string,
  { signal, reason }: FinishOptions = {},
): Promise<Burial> {
  const { fs, layout } = root
  const claims = giveBackAll(root, inside(gone, CLAIMS), reason)
  removeOutside(fs, gone)
  const removed = removeEmptySession(fs, gone)
  if (removed !== undefined) return { claims, removed }
  const mounts = recentMounts(fs, layout.root)
  return { claims, removed: await removeTreeSliced(fs, gone, { ...REMAINS, signal, mounts }) }
}

/** Moves a session to `kept/` in place of deleting it; its claims go back all the same. Returns its new path. */
export function spare(root: Root, path: string, id: string, reason: string): string {
  openKept(root)
  // Before the rename also: claims in kept/ are looked for by no one, so a kill in between would lose them.
  giveBackAll(root, inside(path, CLAIMS))
  const kept = inside(root.layout.kept, id)
  root.fs.renameSync(path, kept)
  giveBackAll(root, inside(kept, CLAIMS))
  noteReason(root, kept, reason)
  return kept
}

function add(total: RemoveReport, part: RemoveReport): void {
  total.files += part.files
  total.directories += part.directories
  total.bytes += part.bytes
  total.kept.push(...part.kept)
  total.errors.push(...part.errors)
}
