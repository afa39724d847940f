// Gathers the evidence about a session's owner. Guarantee: asks the kernel only, trusts no clock, follows no link, and
// never throws; a question that failed is reported as such.

import type { FileSystem } from '../disk/file-system.ts'
import type { MountTable } from '../disk/mounts.ts'
import { HEARTBEAT, inside, LEASE, OWNER, type Root } from '../layout.ts'
import { platform } from '../platform/index.ts'
import type {
  LeaseAnswer,
  OwnIdentity,
  Platform,
  ProcessIdentity,
  ProcessSeen,
} from '../platform/platform.ts'
import { askLease, leaseIdentity, type SessionPlace } from './lease.ts'
import { isOwnSession } from './own-sessions.ts'
import { type LeaseIdentity, type Owner, type OwnerRead, REFRESH_MS, readOwner } from './owner-record.ts'
import { ownIdentity } from './process-identity.ts'
import { bootTag, type NamedIdentity, namespacesTag, parseSessionName, placeTag } from './session-name.ts'
import type { Evidence } from './verdict.ts'

export interface Gathered {
  readonly evidence: Evidence
  /** The record, where it could be read. */
  readonly owner: Owner | undefined
  /** Who owns it, by its record or its name. */
  readonly pid: number | undefined
  /** Why a corrupt record was not believed. */
  readonly problem: string | undefined
}

/** What evidence is gathered with; injectable, so that other systems' rules can be tested. */
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

/** Evidence about the session at `place.directory`, which was made as `place.id`. */
export async function gather(by: Observer, place: SessionPlace): Promise<Gathered> {
  const known = identify(by, place)
  const seen = observe(by, known, place)
  const lease = by.native ? await askLeases(by, place, known, seen) : 'silent'
  return complete(by, { place, known, seen, lease })
}

/**
 * As {@link gather}, without asking the lease, which costs as much as the rest together and a turn of the loop. Where the
 * name is of our own process table it is enough, and the record is not read.
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
  /** The name's word, where it does not contradict the record. */
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
  if (owner === undefined && (record !== 'named' || named === undefined)) return UNIDENTIFIED
  const namespacesByName = namespacesTag(self) === named?.namespaces
  const boot = owner !== undefined ? bootOf(by, owner) : namedBoot(self, named, namespacesByName)
  const namespaces =
    owner !== undefined ? namespacesOf(self, owner) : unless(self, namespacesByName ? 'same' : 'other')
  const target = owner ?? named
  const seen = target === undefined ? UNIDENTIFIED : by.platform.observe(target)
  const replaced = seen.thread === 'same' && target?.tid === self.tid && !isOwnSession(id)
  return {
    boot,
    hostname: owner === undefined || owner.hostname === self.hostname ? 'same' : 'other',
    namespaces: namespaces === 'same' && !by.platform.procIsOurs() ? 'foreign-proc' : namespaces,
    process: seen.process,
    thread: replaced ? 'replaced' : seen.thread,
  }
}

const UNIDENTIFIED: Seen = {
  boot: 'absent',
  hostname: 'same',
  namespaces: 'absent',
  process: 'exists',
  thread: 'hidden',
}

/** A comparison, unless our own side of it could not be asked. */
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

/** The second lease is asked where the first refuses and the process table has not shown the owner's end. */
async function askLeases(
  by: Observer,
  place: SessionPlace,
  { owner }: Known,
  seen: Seen,
): Promise<LeaseAnswer> {
  const { names } = by.platform.lease
  const first = await askLease(place, names[0] ?? LEASE)
  const ended = seen.process === 'missing' || ['missing', 'other-start', 'zombie'].includes(seen.thread)
  if (first === 'answers' || ended || owner?.lease2 === undefined || names[1] === undefined) return first
  const second = await askLease(place, names[1])
  if (second === 'answers' || second === first) return second
  return first === 'not-asked' || second === 'not-asked' ? 'not-asked' : 'silent'
}

function complete(by: Observer, { place, known, seen, lease }: Parts): Gathered {
  const { owner, named, read, record } = known
  const mount = by.native ? by.mounts.of(place.directory) : undefined
  const sameFileSystem = fileSystemOf(owner, mount)
  const leaseIdentity = lease === 'refuses' ? compareLeases(by, place, owner) : 'other'
  const wantsAges = by.wantsAges || (leaseIdentity === 'other-device' && sameFileSystem === 'same-upper')
  const evidence: Evidence = {
    system: by.platform.system,
    record,
    ...seen,
    lease,
    leaseIdentity,
    fileSystem: provesOn(by, mount?.fsType),
    sameFileSystem,
    refreshMs: Math.min(owner?.refreshMs ?? REFRESH_MS, REFRESH_MS),
    name: nameSays(by, place, named, mount?.fsType),
    ...(wantsAges ? agesOf(by, place, owner) : UNAGED),
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

function compareLeases(
  { platform: { lease } }: Observer,
  place: SessionPlace,
  owner: Owner | undefined,
): Evidence['leaseIdentity'] {
  const { names } = lease
  const recorded = [owner?.lease, owner?.lease2].slice(0, names.length)
  let result: Evidence['leaseIdentity'] = 'same'
  for (const [index, expected] of recorded.entries()) {
    if (index > 0 && expected === undefined) continue
    const found = compareLease(leaseIdentity(place, names[index] ?? LEASE), expected)
    if (found === 'other') return 'other'
    if (found === 'other-device') result = found
  }
  return result
}

function compareLease(
  found: LeaseIdentity | undefined,
  expected: LeaseIdentity | undefined,
): Evidence['leaseIdentity'] {
  if (found === undefined || found.ino !== expected?.ino) return 'other'
  return found.dev === expected.dev ? 'same' : 'other-device'
}

/** Made here in an earlier boot: both boots are the kernel's own, and the directory is on the file system and inode of its name. */
function nameSays(
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

const UNAGED = { untouchedMs: undefined, silentMs: undefined, suspectedMs: undefined }

function agesOf(
  by: Observer,
  { directory }: SessionPlace,
  owner: Owner | undefined,
): Pick<Evidence, 'untouchedMs' | 'silentMs' | 'suspectedMs'> {
  const now = by.now()
  if (now === undefined) return UNAGED
  const since = (at: number | undefined): number | undefined => (at === undefined ? undefined : now - at)
  const suspected = /[/\\]\.dead-[^/\\]+$/.test(directory)
  return {
    untouchedMs: since(lastTouched(by.fs, directory, [OWNER, LEASE, HEARTBEAT])),
    silentMs:
      owner?.heartbeat === true ? since(lastTouched(by.fs, directory, [HEARTBEAT, OWNER])) : undefined,
    suspectedMs: suspected ? since(ctimeOf(by.fs, directory)) : undefined, // set by the rename
  }
}

/**
 * The volume's time of the last sign of life: ctimes, which no utimes can set back, of entries that a rename of
 * the session does not touch; without any, its own mtime.
 */
function lastTouched(fs: FileSystem, directory: string, names: readonly string[]): number | undefined {
  const times = names.map((name) => ctimeOf(fs, inside(directory, name))).filter((time) => time !== undefined)
  if (times.length > 0) return Math.max(...times)
  try {
    return fs.lstatSync(directory).mtimeMs
  } catch {
    return undefined
  }
}

function ctimeOf(fs: FileSystem, path: string): number | undefined {
  try {
    return fs.lstatSync(path).ctimeMs
  } catch {
    return undefined
  }
}
