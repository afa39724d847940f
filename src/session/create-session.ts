// Creates a session, so that no moment exists in which a live one has no owner:
//   1. mkdir .new-<random>, and claims/ in it     (chmod where the umask strips owner bits)
//   2. write owner.json
//   3. rename .new-<random> to s-<id>; the id proves the owner, see liveness/session-name.ts
// Nothing is synced and no lease is bound here: a program that ends before the event loop turns pays for neither.
// Guarantee: from 3 on the directory identifies its owner; a creation that failed leaves nothing.

import { basename } from 'node:path'
import type { Context } from '../context.ts'
import { readMounts } from '../disk/mounts.ts'
import { writeRecord } from '../disk/record-file.ts'
import { removeTreeSync } from '../disk/remove/remove.ts'
import { CLAIMS, inside, liveName, OWNER, SESSION_RANDOM_LENGTH, sessionId, uniqueText } from '../layout.ts'
import { draftName } from '../liveness/draft-name.ts'
import type { Lease } from '../liveness/lease.ts'
import { addOwnSession, deleteOwnSession } from '../liveness/own-sessions.ts'
import { OWNER_VERSION, type Owner, REFRESH_MS } from '../liveness/owner-record.ts'
import { isMainThread, ownIdentity } from '../liveness/process-identity.ts'
import { proofOf } from '../liveness/session-name.ts'
import { platform } from '../platform/index.ts'
import { threads } from '../runtime/lazy.ts'
import { log } from '../runtime/observe.ts'

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
  const draft = inside(layout.sessions, draftName(context, random))
  let id = ''
  try {
    fs.mkdirSync(draft, { mode: 0o700 })
    const stats = fs.lstatSync(draft, { bigint: true })
    const mendsModes = (Number(stats.mode) & 0o700) !== 0o700
    if (mendsModes) fs.chmodSync(draft, 0o700)
    fs.mkdirSync(inside(draft, CLAIMS), { mode: 0o700 })
    if (mendsModes) fs.chmodSync(inside(draft, CLAIMS), 0o700)
    const fsType = context.native ? platform().fileSystemOf(layout.sessions) : undefined
    const place = fsType === undefined ? undefined : { fsType, ino: String(stats.ino) }
    id = sessionId(process.pid, random, context.native ? proofOf(ownIdentity(), place) : undefined)
    writeRecord(fs, inside(draft, OWNER), ownerRecord(context, id, undefined), false)
    addOwnSession(id)
    fs.renameSync(draft, inside(layout.sessions, liveName(id)))
    log.session('created session %s', id)
    return { id, random, mendsModes, identity: `${stats.dev}:${stats.ino}` }
  } catch (error) {
    deleteOwnSession(id)
    discardDraft(context, draft)
    throw error
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

/** Device and inode, exact, as one string. */
export function readIdentity(context: Context, path: string): string {
  const stats = context.fs.lstatSync(path, { bigint: true })
  return `${stats.dev}:${stats.ino}`
}
