// Creates a session, so that no moment exists in which a live one has no owner:
//   1. mkdir handoffs/.new-<id>, and claims/ in it     (chmod where the umask strips owner bits)
//   2. write owner.json
//   3. rename it to sessions/s-<id>; the id proves the owner, see liveness/session-name.ts
// The rename goes from handoffs/ to sessions/, so it finds a mount that splits the root: claims need renames between the two.
// Nothing is synced and no lease is bound here: a program that ends before the event loop turns pays for neither.
// Guarantee: from 3 on the directory identifies its owner; a creation that failed leaves nothing.

import { basename } from 'node:path'
import type { Context } from '../context.ts'
import type { FileSystem } from '../disk/file-system.ts'
import { readMounts } from '../disk/mounts.ts'
import { writeRecord } from '../disk/record-file.ts'
import { removeTreeSync } from '../disk/remove/remove.ts'
import { errnoOf } from '../errors.ts'
import { CLAIMS, inside, liveName, OWNER, SESSION_RANDOM_LENGTH, sessionId, uniqueText } from '../layout.ts'
import { draftName } from '../liveness/draft-name.ts'
import type { Lease } from '../liveness/lease.ts'
import { addOwnSession, deleteOwnSession } from '../liveness/own-sessions.ts'
import { OWNER_VERSION, type Owner, REFRESH_MS } from '../liveness/owner.ts'
import { isMainThread, ownIdentity } from '../liveness/process-identity.ts'
import { proofOf } from '../liveness/session-name.ts'
import { platform } from '../platform/index.ts'
import { threads } from '../runtime/lazy.ts'
import { log } from '../runtime/observe.ts'
import { splitError } from './root.ts'

export interface Made {
  readonly id: string
  /** The session's part of its files' names. */
  readonly random: string
  readonly mendsModes: boolean
  /** Device and inode of its directory. */
  readonly identity: string
}

/** Throws the system's error. */
export function make(context: Context): Made {
  const { fs, layout } = context
  const random = uniqueText(SESSION_RANDOM_LENGTH)
  const draft = inside(layout.handoffs, draftName(context, random))
  let id = ''
  try {
    fs.mkdirSync(draft, { mode: 0o700 })
    const stats = exactStats(fs, draft)
    const mendsModes = (Number(stats.mode) & 0o700) !== 0o700
    if (mendsModes) fs.chmodSync(draft, 0o700)
    fs.mkdirSync(inside(draft, CLAIMS), { mode: 0o700 })
    if (mendsModes) fs.chmodSync(inside(draft, CLAIMS), 0o700)
    const fsType = context.native ? platform().fileSystemOf(layout.sessions) : undefined
    const place = fsType === undefined ? undefined : { fsType, ino: String(stats.ino) }
    id = sessionId(process.pid, random, context.native ? proofOf(ownIdentity(), place) : undefined)
    writeRecord(fs, inside(draft, OWNER), ownerRecord(context, id, undefined), { mendsMode: mendsModes })
    addOwnSession(id)
    fs.renameSync(draft, inside(layout.sessions, liveName(id)))
    log.session('created session %s', id)
    return { id, random, mendsModes, identity: `${stats.dev}:${stats.ino}` }
  } catch (error) {
    deleteOwnSession(id)
    discardDraft(context, draft)
    throw errnoOf(error) === 'EXDEV' ? splitError(context) : error
  }
}

/** By the names that a draft has: a process without descriptors cannot list a directory. */
function discardDraft({ fs }: Context, draft: string): void {
  try {
    fs.rmdirSync(inside(draft, CLAIMS))
    fs.unlinkSync(inside(draft, OWNER))
  } catch {
    // Not created yet.
  }
  try {
    fs.rmdirSync(draft)
  } catch {
    removeTreeSync(fs, draft)
  }
}

/** The session's record as its owner knows it now. Before its leases are bound it names no file system either. */
export function ownerRecord(context: Context, id: string, leases: readonly Lease[] | undefined): Owner {
  const mount = context.native && leases !== undefined ? readMounts().of(context.layout.root) : undefined
  const { complete: _, genuineBoot: __, ...identity } = ownIdentity()
  const [first, second] = platform().lease.names.map((name) => leases?.find((lease) => lease.name === name))
  return {
    v: OWNER_VERSION,
    id,
    ...identity,
    fsType: mount?.fsType,
    upperDir: mount?.upperDir,
    lease: first?.identity,
    lease2: second?.identity,
    program: `${basename(process.argv[1] ?? process.execPath)}${isMainThread() ? '' : ` (worker ${threads().threadId})`}`,
    startedAt: Date.now(),
    refreshMs: Math.min(context.sweepEvery ?? REFRESH_MS, REFRESH_MS),
    heartbeat: context.sharedVolume !== undefined,
    preserve: context.preserve,
    keepFailed: context.keepFailed !== undefined,
  }
}

/** Device and inode, exact, as one string; undefined when nothing exists at `path`. Throws the system's error. */
export function identityOf({ fs }: Context, path: string): string | undefined {
  try {
    const { dev, ino } = exactStats(fs, path)
    return `${dev}:${ino}`
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return undefined
    throw error
  }
}

/** With device and inode exact. As bigints only where they must be: the first lstat with bigints takes 0.1 ms more. */
function exactStats(fs: FileSystem, path: string): Exact {
  const stats = fs.lstatSync(path)
  const isExact = Number.isSafeInteger(stats.ino) && Number.isSafeInteger(stats.dev)
  return isExact ? stats : fs.lstatSync(path, { bigint: true })
}

type Exact = Record<'dev' | 'ino' | 'mode', number | bigint>
