// How a session is made, so that no moment exists in which a live one looks unowned:
//   1. mkdir .new-<id>, and claims/ in it         (chmod after: umask 0777 gives mode 000)
//   2. bind the lease, write and sync owner.json
//   3. rename .new-<id> to s-<id>
// Promise: from 3 on the directory holds proof that its owner lives; of a making that failed nothing stays.

import { basename } from 'node:path'
import type { Context } from '../context.ts'
import { readMounts } from '../disk/mounts.ts'
import { writeRecord } from '../disk/record-file.ts'
import { removeTreeSync } from '../disk/remove/remove.ts'
import { syncDirectorySync } from '../disk/sync.ts'
import { CLAIMS, inside, liveName, newName, OWNER } from '../layout.ts'
import { bindLeases, type Lease } from '../liveness/lease.ts'
import { addOwnSession, deleteOwnSession } from '../liveness/own-sessions.ts'
import { OWNER_VERSION, type Owner } from '../liveness/owner-record.ts'
import { ownIdentity } from '../liveness/process-identity.ts'
import { REFRESH_MS } from '../liveness/verdict.ts'
import type { ProcessIdentity } from '../platform/platform.ts'
import { threads } from '../runtime/lazy.ts'
import { log } from '../runtime/observe.ts'

export interface Made {
  readonly mendsModes: boolean
  readonly leases: readonly Lease[]
  readonly identity: string
}

/** Throws the system's error. */
export function make(context: Context, id: string): Made {
  const { fs, layout } = context
  const draft = inside(layout.sessions, newName(id))
  let leases: readonly Lease[] = []
  try {
    for (const directory of [draft, inside(draft, CLAIMS)]) {
      fs.mkdirSync(directory, { mode: 0o700 })
      fs.chmodSync(directory, 0o700)
    }
    if (context.native) leases = bindLeases({ directory: draft, id })
    const { stripped } = writeRecord(fs, inside(draft, OWNER), ownerRecord(context, id, leases), true)
    syncDirectorySync(fs, draft)
    const identity = readIdentity(context, draft)
    addOwnSession(id)
    fs.renameSync(draft, inside(layout.sessions, liveName(id)))
    log.session('made session %s', id)
    return { mendsModes: stripped, leases, identity }
  } catch (error) {
    for (const lease of leases) lease.close()
    deleteOwnSession(id)
    removeTreeSync(fs, draft)
    throw error
  }
}

export function ownerRecord(context: Context, id: string, leases: readonly Lease[]): Owner {
  const mount = context.native ? readMounts().of(context.layout.root) : undefined
  return {
    v: OWNER_VERSION,
    id,
    ...identityToRecord(),
    fsType: mount?.fsType,
    upperDir: mount?.upperDir,
    lease: leases[0]?.identity,
    lease2: leases[1]?.identity,
    program: `${basename(process.argv[1] ?? process.execPath)}${threads().isMainThread ? '' : ` (worker ${threads().threadId})`}`,
    startedAt: Date.now(),
    refreshMs: Math.min(context.sweepEvery ?? REFRESH_MS, REFRESH_MS),
    heartbeat: context.sharedVolume !== undefined,
    preserve: context.preserve,
  }
}

function identityToRecord(): ProcessIdentity {
  const { complete: _, genuineBoot: __, ...identity } = ownIdentity()
  return identity
}

/** Device and inode, exact, as one string. */
export function readIdentity(context: Context, path: string): string {
  const stats = context.fs.lstatSync(path, { bigint: true })
  return `${stats.dev}:${stats.ino}`
}
