// Finds the session that has claimed a ticket. Guarantee: concurrent callers share one look, and an unknown ticket costs
// one stat a look while nothing moves in handoffs/. Every claim, release and publication changes the ctime of that
// directory, so a list of the claims is true as long as the ctime is as it was before the list was made. Within one tick of
// the kernel's clock a second change leaves no trace, so a ctime counts only once it is older than that. A claims/ that is
// a link is not followed.

import { setImmediate as turn } from 'node:timers/promises'
import type { FileSystem } from '../disk/file-system.ts'
import { recentMounts } from '../disk/mounts.ts'
import { existsAt, findSync, isDirectoryAt, namesIn } from '../disk/paths.ts'
import { errnoOf } from '../errors.ts'
import {
  CLAIMS,
  inside,
  isTicket,
  isUploadId,
  type Layout,
  parseSessionsEntry,
  type Root,
  type SessionsEntry,
} from '../layout.ts'
import { platform } from '../platform/index.ts'

/** A claimed handoff or upload, or one that a sweep suspects to be expired: then `id` is its own, and `claim` the tombstone. */
export interface Found extends SessionsEntry {
  readonly directory: string
  readonly claim: string
}

/** The kernel's coarse clock ticks every 10 ms at the slowest (CONFIG_HZ=100). */
const TICK_MS = 20
/** Sessions read before the event loop gets a turn. */
const SLICE = 64

const indexes = new WeakMap<Layout, ClaimIndex>()

/** The one index of a manager's root. */
export function claimIndexOf(root: Root): ClaimIndex {
  const known = indexes.get(root.layout)
  if (known !== undefined) return known
  const index = new ClaimIndex(root)
  indexes.set(root.layout, index)
  return index
}

export class ClaimIndex {
  readonly #root: Root
  #claims: ReadonlyMap<string, Found> = new Map()
  /** The version that #claims is true for; undefined: it has to be read again. */
  #valid: number | undefined
  #seen: { readonly version: number | undefined; readonly at: number } | undefined
  #reading: Promise<void> | undefined

  constructor(root: Root) {
    this.#root = root
  }

  /** The session that has `id` in its claims/; undefined when none has. Throws the system's error. */
  async find(id: string): Promise<Found | undefined> {
    if (this.#valid === undefined || this.#valid !== this.#version()) await this.#read()
    const found = this.#claims.get(id)
    if (found === undefined || existsAt(this.#root.fs, found.claim)) return found
    await this.#read() // completed, or its session was renamed meanwhile
    return this.#claims.get(id)
  }

  #read(): Promise<void> {
    this.#reading ??= this.#readNow().finally(() => {
      this.#reading = undefined
    })
    return this.#reading
  }

  async #readNow(): Promise<void> {
    const version = this.#version()
    const now = performance.now()
    const since = this.#seen !== undefined && this.#seen.version === version ? this.#seen.at : now
    this.#seen = { version, at: since }
    const settled = now - since >= TICK_MS && ctimesAreExact(this.#root)
    this.#claims = await listClaims(this.#root)
    this.#valid = settled && this.#version() === version ? version : undefined
  }

  #version(): number | undefined {
    const { fs, layout } = this.#root
    return findSync(fs, layout.handoffs)?.ctimeMs
  }
}

/** Looks for one id in every claims/, tombstones' too, without the index. */
export function findClaim({ fs, layout }: Root, id: string): Found | undefined {
  for (const name of readableNames(fs, layout.sessions)) {
    const entry = parseSessionsEntry(name)
    if (entry === undefined || entry.kind === 'new') continue
    const directory = inside(layout.sessions, name)
    const isSuspect = entry.id === id && entry.kind === 'dead'
    if (!isSuspect && !isDirectoryAt(fs, inside(directory, CLAIMS))) continue
    const claim = isSuspect ? directory : inside(inside(directory, CLAIMS), id)
    if (isDirectoryAt(fs, claim)) return { ...entry, directory, claim }
  }
  return undefined
}

/** Everything in some claims/, tombstones' too, and the suspects of expiry. The loop gets a turn now and then. */
export async function listClaims(root: Root): Promise<Map<string, Found>> {
  const { fs, layout } = root
  const claims = new Map<string, Found>()
  const counted = ctimesAreExact(root)
  let read = 0
  for (const name of readableNames(fs, layout.sessions)) {
    if (++read % SLICE === 0) await turn()
    const entry = parseSessionsEntry(name)
    if (entry === undefined || entry.kind === 'new') continue
    const directory = inside(layout.sessions, name)
    if (isTicket(entry.id) || isUploadId(entry.id)) {
      // A suspect may be renamed back. A condemned one is not a handoff any more.
      if (entry.kind === 'dead') claims.set(entry.id, { ...entry, directory, claim: directory })
      continue
    }
    for (const id of claimsIn(fs, inside(directory, CLAIMS), counted))
      claims.set(id, { ...entry, directory, claim: inside(inside(directory, CLAIMS), id) })
  }
  return claims
}

/** `counted`: a directory's link count is 2 plus its subdirectories (1 on btrfs and overlay), which avoids most listings. */
function claimsIn(fs: FileSystem, directory: string, counted: boolean): string[] {
  const stats = findSync(fs, directory)
  if (stats?.isDirectory() !== true || (counted && stats.nlink === 2)) return []
  return readableNames(fs, directory).filter((name) => isTicket(name) || isUploadId(name))
}

/** Local file systems of this kernel; a network file system caches attributes for seconds. */
function ctimesAreExact({ fs, native, layout }: Root): boolean {
  const fsType = native ? recentMounts(fs, layout.root).of(layout.handoffs)?.fsType : undefined
  return fsType !== undefined && platform().provingFileSystems?.has(fsType) === true
}

/** Names in a directory of the root; none where it does not exist, is not a directory, or is not readable. */
export function readableNames(fs: FileSystem, directory: string): string[] {
  try {
    return namesIn(fs, directory)
  } catch (error) {
    const errno = errnoOf(error)
    if (errno === 'ENOENT' || errno === 'ENOTDIR' || errno === 'EACCES') return []
    throw error
  }
}
