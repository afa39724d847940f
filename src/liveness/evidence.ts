// Gathers the facts about a session's owner. Promise: asks the kernel only, believes no clock, follows no link,
// and never throws; what cannot be observed is said to be so.

import fs from 'node:fs'
import type { FileSystem } from '../disk/file-system.ts'
import type { MountTable } from '../disk/mounts.ts'
import { errnoOf } from '../errors.ts'
import type { Root } from '../layout.ts'
import { askLease, type LeaseAnswer, leaseIdentity } from './lease.ts'
import { type Owner, type OwnerRead, readOwner } from './owner-record.ts'
import { ownIdentity, type ProcessIdentity, parseStat, sameBoot } from './process-identity.ts'
import type { Facts } from './verdict.ts'

/** Where a refused connection proves that nobody holds the socket: local file systems of one kernel. Elsewhere
 * (nfs, cifs, 9p, fuse, unknown) other mounts and clones of the same tree gave false deaths. */
export const PROVING: ReadonlySet<string> = new Set([
  'ext2',
  'ext3',
  'ext4',
  'xfs',
  'btrfs',
  'f2fs',
  'zfs',
  'tmpfs',
  'overlay',
])

export interface Evidence {
  readonly facts: Facts
  /** The record, where it could be read. */
  readonly owner: Owner | undefined
  /** Why a corrupt record was not believed. */
  readonly problem: string | undefined
}

/** What evidence is gathered with; injectable, so that other platforms' rules can be tested. */
export interface Observer {
  readonly fs: FileSystem
  /** Kernel evidence about `fs` is meaningful: it is the machine's own. */
  readonly native: boolean
  readonly mounts: MountTable
  readonly platform: NodeJS.Platform
  readonly self: ProcessIdentity
  kill(pid: number): void
}

export function observer({ fs, native }: Pick<Root, 'fs' | 'native'>, mounts: MountTable): Observer {
  const platform = process.platform
  return { fs, native, mounts, platform, self: ownIdentity(), kill: (pid) => process.kill(pid, 0) }
}

/** Facts about the session that stands at `directory`, whatever its name is now, and was made as `id`. */
export async function gather(by: Observer, directory: string, id: string): Promise<Evidence> {
  const read = readOwner(by.fs, directory, id)
  const lease = by.native && by.platform === 'linux' ? await askLease(directory) : 'silent'
  return evidence(by, directory, read, lease)
}

/** As {@link gather}, without asking the lease, which costs as much as the rest together and a turn of the loop. */
export function glance(by: Observer, directory: string, id: string): Evidence {
  return evidence(by, directory, readOwner(by.fs, directory, id), 'silent')
}

function evidence(by: Observer, directory: string, read: OwnerRead, lease: LeaseAnswer): Evidence {
  const owner = read.state === 'read' ? read.owner : undefined
  const onLinux = by.platform === 'linux'
  const identity = lease === 'refuses' ? leaseIdentity(directory) : undefined
  const mount = by.native ? by.mounts.of(directory) : undefined
  const found = owner === undefined ? 'exists' : processOf(by, owner.pid)
  const sameType = owner?.fsType !== undefined && owner.fsType === mount?.fsType
  const facts: Facts = {
    record: read.state,
    platform: onLinux ? 'linux' : 'other',
    boot: bootOf(by.self, owner),
    hostname: owner?.hostname === by.self.hostname ? 'same' : 'other',
    namespaces: namespacesOf(by.self, owner),
    procIsOurs: !onLinux || procIsOurs(),
    process: found,
    thread: owner !== undefined && onLinux && found === 'exists' ? threadOf(owner) : 'unreadable',
    lease,
    leaseDevice: identity !== undefined && identity.dev === owner?.lease?.dev ? 'same' : 'other',
    leaseInode: identity !== undefined && identity.ino === owner?.lease?.ino ? 'same' : 'other',
    provingFileSystem: mount !== undefined && PROVING.has(mount.fsType),
    sameFileSystemType: sameType,
    sameUpperDirectory:
      sameType &&
      mount?.fsType === 'overlay' &&
      owner.upperDir !== undefined &&
      owner.upperDir === mount.upperDir,
  }
  return { facts, owner, problem: read.state === 'corrupt' ? read.why : undefined }
}

function bootOf(self: ProcessIdentity, owner: Owner | undefined): Facts['boot'] {
  if (self.bootId === undefined || owner?.bootId === undefined) return 'unreadable'
  return sameBoot(self.bootId, owner.bootId) ? 'same' : 'other'
}

function namespacesOf(self: ProcessIdentity, owner: Owner | undefined): Facts['namespaces'] {
  if (self.pidNamespace === undefined || owner?.pidNamespace === undefined) return 'unreadable'
  // Kernels before 5.6 have no time namespaces: absent on both sides is equal.
  const same = self.pidNamespace === owner.pidNamespace && self.timeNamespace === owner.timeNamespace
  return same ? 'same' : 'other'
}

function procIsOurs(): boolean {
  try {
    return fs.readlinkSync('/proc/self') === String(process.pid)
  } catch {
    return false
  }
}

function processOf(by: Observer, pid: number): Facts['process'] {
  try {
    by.kill(pid)
    return 'exists'
  } catch (error) {
    return errnoOf(error) === 'ESRCH' ? 'missing' : 'forbidden'
  }
}

function threadOf(owner: Owner): Facts['thread'] {
  if (owner.tid === undefined || owner.startTime === undefined) return 'unreadable'
  const leader = statOf(`/proc/${owner.pid}/stat`)
  if (typeof leader === 'string') return 'unreadable' // hidden, or gone since: the next look tells
  const thread = statOf(`/proc/${owner.pid}/task/${owner.tid}/stat`)
  if (thread === 'unreadable') return 'unreadable'
  if (thread === 'missing')
    return typeof statOf(`/proc/${owner.pid}/stat`) === 'string' ? 'unreadable' : 'missing'
  if (thread.startTime !== owner.startTime) return 'other-start'
  if (leader.state === 'Z' && leader.threads <= 1) return 'zombie'
  return 'same'
}

// 'missing' needs the kernel's word for it: a sweeper out of file descriptors (EMFILE) sees nothing either.
function statOf(path: string): NonNullable<ReturnType<typeof parseStat>> | 'missing' | 'unreadable' {
  try {
    return parseStat(fs.readFileSync(path, 'utf8')) ?? 'unreadable'
  } catch (error) {
    const errno = errnoOf(error)
    return errno === 'ENOENT' || errno === 'ESRCH' ? 'missing' : 'unreadable'
  }
}
