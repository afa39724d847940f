// Gathers the evidence about a session's owner. Guarantee: it asks only the kernel, trusts no clock, follows no link, and
// never throws; a question that failed is reported as 'not-asked'.

import type { FileSystem } from '../disk/file-system.ts'
import type { MountTable } from '../disk/mounts.ts'
import type { Root } from '../layout.ts'
import { platform } from '../platform/index.ts'
import type {
  LeaseAnswer,
  OwnIdentity,
  Platform,
  ProcessIdentity,
  ProcessSeen,
} from '../platform/platform.ts'
import { agesOf, UNAGED } from './ages.ts'
import type { SessionPlace } from './lease.ts'
import { askLeases, compareLeases } from './lease-evidence.ts'
import { isOwnSession } from './own-sessions.ts'
import { type Owner, REFRESH_MS } from './owner.ts'
import { type OwnerRead, readOwner } from './owner-record.ts'
import { ownIdentity } from './process-identity.ts'
import { bootTag, type NamedIdentity, namespacesTag, parseSessionName, placeTag } from './session-name.ts'
import type { Evidence } from './verdict.ts'

export interface Gathered {
  readonly evidence: Evidence
  /** The record, where it could be read. */
  readonly owner: Owner | undefined
  /** The owner's process, by the record or the name. */
  readonly pid: number | undefined
  /** The problem of a corrupt record. */
  readonly problem: string | undefined
}

/** The means of gathering evidence; injectable, so that other systems' rules can be tested. */
export interface Observer {
  readonly fs: FileSystem
  /** Kernel evidence about `fs` is meaningful: it is the machine's own. */
  readonly native: boolean
  readonly mounts: MountTable
  readonly platform: Platform
  readonly self: OwnIdentity
  /** The policy judges by age, so ages are asked for; otherwise only where the overlay rule needs one. */
  readonly wantsAges: boolean
  /** The volume's now in milliseconds; undefined when it could not be asked, and nothing is old. */
  now(): number | undefined
}

export function observer({ fs, native }: Pick<Root, 'fs' | 'native'>, mounts: MountTable): Observer {
  return {
    fs,
    native,
    mounts,
    platform: platform(),
    self: ownIdentity(),
    wantsAges: false,
    now: () => undefined,
  }
}

/** Evidence about the session at `place.directory`, which was created as `place.id`. */
export async function gather(by: Observer, place: SessionPlace): Promise<Gathered> {
  const known = identify(by, place)
  const seen = observe(by, known, place)
  const lease = by.native
    ? await askLeases(by.platform.lease.names, place, known.owner, showsEnd(seen))
    : 'silent'
  return complete(by, { place, known, seen, lease })
}

/**
 * As {@link gather}, without asking the lease, which costs as much as the rest together and a turn of the loop. A name
 * from this process table is enough, so its record is not read.
 */
export function glance(by: Observer, place: SessionPlace): Gathered {
  const named = parseSessionName(place.id)
  const isOfOurTable = named !== undefined && named.namespaces === namespacesTag(by.self)
  const known: Known = isOfOurTable
    ? { read: { state: 'missing' }, owner: undefined, named, record: 'named' }
    : identify(by, place)
  return complete(by, { place, known, seen: observe(by, known, place), lease: 'silent' })
}

interface Known {
  readonly read: OwnerRead
  readonly owner: Owner | undefined
  /** The owner by the session's name, unless the record contradicts it. */
  readonly named: NamedIdentity | undefined
  readonly record: Evidence['record']
}

interface Seen {
  readonly boot: Evidence['boot']
  readonly hostname: Evidence['hostname']
  readonly namespaces: Evidence['namespaces']
  readonly process: ProcessSeen['process']
  readonly thread: Evidence['thread']
}

interface Parts {
  readonly place: SessionPlace
  readonly known: Known
  readonly seen: Seen
  readonly lease: LeaseAnswer
}

function identify(by: Observer, { directory, id }: SessionPlace): Known {
  const read = readOwner(by.fs, directory, id)
  const owner = read.state === 'read' ? read.owner : undefined
  const parsed = parseSessionName(id)
  const contradicted =
    parsed !== undefined && owner !== undefined && namespacesTag(owner) !== parsed.namespaces
  const named = contradicted ? undefined : parsed
  const lost = read.state === 'missing' || read.state === 'corrupt'
  return { read, owner, named, record: lost && named !== undefined ? 'named' : read.state }
}

function observe(by: Observer, { owner, named, record }: Known, { id }: SessionPlace): Seen {
  const { self } = by
  const target = owner ?? (record === 'named' ? named : undefined)
  if (target === undefined) return UNIDENTIFIED
  const namespacesByName = namespacesTag(self) === named?.namespaces
  const boot = owner !== undefined ? bootOf(by, owner) : namedBoot(self, named, namespacesByName)
  const namespaces =
    owner !== undefined ? namespacesOf(self, owner) : unless(self, namespacesByName ? 'same' : 'other')
  const seen = by.platform.observe(target)
  const replaced = seen.thread === 'same' && target.tid === self.tid && !isOwnSession(id)
  return {
    boot,
    hostname: owner === undefined || owner.hostname === self.hostname ? 'same' : 'other',
    namespaces: namespaces === 'same' && !by.platform.procIsOurs() ? 'foreign-proc' : namespaces,
    process: seen.process,
    thread: replaced ? 'replaced' : seen.thread,
  }
}

/** The process table has shown the owner's end. */
function showsEnd({ process, thread }: Seen): boolean {
  return process === 'missing' || ['missing', 'other-start', 'zombie'].includes(thread)
}

const UNIDENTIFIED: Seen = {
  boot: 'absent',
  hostname: 'same',
  namespaces: 'absent',
  process: 'exists',
  thread: 'hidden',
}

/** A comparison, unless this process could not read its own identity. */
function unless<T>(self: OwnIdentity, compared: T): T | 'not-asked' {
  return self.complete ? compared : 'not-asked'
}

function bootOf({ self, platform: { compareBoots } }: Observer, owner: Owner): Evidence['boot'] {
  if (owner.bootId === undefined) return 'absent'
  if (self.bootId === undefined) return unless(self, 'absent')
  return compareBoots(self.bootId, owner.bootId)
}

function namedBoot(
  self: OwnIdentity,
  named: NamedIdentity | undefined,
  sameTable: boolean,
): Evidence['boot'] {
  if (sameTable) return 'same' // the tag of the namespaces holds the boot
  if (named?.boot === undefined) return 'absent'
  if (self.bootId === undefined) return unless(self, 'absent')
  return bootTag(self.bootId) === named.boot ? 'same' : 'other'
}

function namespacesOf(self: OwnIdentity, owner: ProcessIdentity): Evidence['namespaces'] {
  if (owner.pidNamespace === undefined) return 'absent'
  if (self.pidNamespace === undefined) return unless(self, 'absent')
  // Kernels before 5.6 have no time namespaces: absent on both sides is equal.
  const same = self.pidNamespace === owner.pidNamespace && self.timeNamespace === owner.timeNamespace
  return same ? 'same' : 'other'
}

function complete(by: Observer, { place, known, seen, lease }: Parts): Gathered {
  const { owner, named, read, record } = known
  const mount = by.native ? by.mounts.of(place.directory) : undefined
  const sameFileSystem = fileSystemOf(owner, mount)
  const leaseIdentity = lease === 'refuses' ? compareLeases(by.platform.lease.names, place, owner) : 'other'
  const wantsAges =
    by.wantsAges ||
    (leaseIdentity === 'other-device' && sameFileSystem === 'same-upper') ||
    (leaseIdentity === 'same' && by.platform.lease.refusesWhenFull)
  const evidence: Evidence = {
    system: by.platform.system,
    record,
    ...seen,
    lease,
    leaseIdentity,
    fileSystem: provesOn(by, mount?.fsType),
    sameFileSystem,
    refreshMs: Math.min(owner?.refreshMs ?? REFRESH_MS, REFRESH_MS),
    name: provesByName(by, place, named, mount?.fsType),
    ...(wantsAges
      ? agesOf(by.fs, place.directory, { now: by.now(), heartbeat: owner?.heartbeat === true })
      : UNAGED),
  }
  return {
    evidence,
    owner,
    pid: owner?.pid ?? named?.pid,
    problem: read.state === 'corrupt' ? read.why : undefined,
  }
}

function provesOn(
  { native, platform: { provingFileSystems } }: Observer,
  fsType: string | undefined,
): Evidence['fileSystem'] {
  if (!native) return 'proves-nothing'
  if (provingFileSystems === undefined) return 'proves'
  if (fsType === undefined) return 'not-asked'
  return provingFileSystems.has(fsType) ? 'proves' : 'proves-nothing'
}

function fileSystemOf(
  owner: Owner | undefined,
  mount: { readonly fsType: string; readonly upperDir: string | undefined } | undefined,
): Evidence['sameFileSystem'] {
  if (owner?.fsType === undefined || owner.fsType !== mount?.fsType) return 'other'
  const upper =
    mount.fsType === 'overlay' && owner.upperDir !== undefined && owner.upperDir === mount.upperDir
  return upper ? 'same-upper' : 'same-type'
}

/** Created here in an earlier boot: both boots are the kernel's own, and the directory has the file system and inode of its name. */
function provesByName(
  by: Observer,
  { directory }: SessionPlace,
  named: NamedIdentity | undefined,
  fsType: string | undefined,
): Evidence['name'] {
  const { self } = by
  if (named?.boot === undefined || named.place === undefined || fsType === undefined) return 'silent'
  if (!self.genuineBoot || self.bootId === undefined || bootTag(self.bootId) === named.boot) return 'silent'
  if (by.platform.provingFileSystems?.has(fsType) !== true) return 'silent'
  try {
    const ino = String(by.fs.lstatSync(directory, { bigint: true }).ino)
    const here = by.platform.fileSystemOf(directory)
    if (here === undefined) return 'silent'
    return placeTag({ fsType: here, ino }) === named.place ? 'earlier-boot' : 'silent'
  } catch {
    return 'silent'
  }
}
