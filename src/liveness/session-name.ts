// The proof in a session's name. The record is not synced, so a power cut may lose it, but the directory's name exists
// exactly as long as the directory: it identifies the owner's thread, the boot, and the place it was made in.
//   <pid>-<start>-<tid>-<boot 8><namespaces 8><place 8>-<random 16>     or, where that is unknown, <pid>-<random 16>
// Guarantee: a name that is not exactly of this form proves nothing.

import { SESSION_RANDOM_LENGTH } from '../layout.ts'
import type { OwnIdentity, ProcessIdentity } from '../platform/platform.ts'

const TAG_LENGTH = 8
const UNKNOWN = '0'.repeat(TAG_LENGTH)
const NAME = new RegExp(
  `^([1-9][0-9]{0,9})-([0-9a-z]{1,13})-([0-9a-z]{1,7})-([0-9a-z]{${TAG_LENGTH * 3}})-[0-9a-z]{${SESSION_RANDOM_LENGTH}}$`,
)

/** The place at which a session's directory was created. */
export interface Place {
  /** Its file system, in the platform's word. */
  readonly fsType: string
  /** Inode of the session's directory. */
  readonly ino: string
}

export interface NamedIdentity {
  readonly pid: number
  readonly tid: number
  readonly startTime: string
  /** Tag of the boot; undefined: not known for sure. */
  readonly boot: string | undefined
  readonly namespaces: string
  readonly place: string | undefined
}

/** The part of a session's id between pid and random text; undefined while the owner's identity is not known. */
export function proofOf(identity: OwnIdentity, place: Place | undefined): string | undefined {
  if (maker?.identity !== identity) maker = { identity, proof: proofOfMaker(identity) }
  const { proof } = maker
  return proof === undefined ? undefined : proof + (place === undefined ? UNKNOWN : placeTag(place))
}

/** This thread's proof: a session's draft and the session have it in common. */
let maker: { readonly identity: OwnIdentity; readonly proof: string | undefined } | undefined

function proofOfMaker(identity: OwnIdentity): string | undefined {
  const { pid, tid, startTime, genuineBoot } = identity
  const namespaces = namespacesTag(identity)
  if (tid === undefined || startTime === undefined || namespaces === undefined) return undefined
  const start = Number(startTime).toString(36)
  const boot = genuineBoot ? tag(String(identity.bootId)) : UNKNOWN
  return `${start}-${tid === pid ? '0' : tid.toString(36)}-${boot}${namespaces}`
}

/** The owner's identity, as far as a session's id contains it. */
export function parseSessionName(id: string): NamedIdentity | undefined {
  const [, pidText = '', start = '', tid = '', tags = ''] = NAME.exec(id) ?? []
  const pid = Number(pidText)
  const startTime = Number.parseInt(start, 36)
  if (!(pid >= 1) || !Number.isSafeInteger(startTime)) return undefined
  const part = (index: number): string => tags.slice(index * TAG_LENGTH, (index + 1) * TAG_LENGTH)
  const known = (text: string): string | undefined => (text === UNKNOWN ? undefined : text)
  return {
    pid,
    tid: Number.parseInt(tid, 36) || pid,
    startTime: String(startTime),
    boot: known(part(0)),
    namespaces: part(1),
    place: known(part(2)),
  }
}

export function bootTag(bootId: string): string {
  return tag(bootId)
}

/** Boot, pid and time namespace as one: a process table. */
export function namespacesTag(identity: ProcessIdentity): string | undefined {
  const { bootId, pidNamespace, timeNamespace } = identity
  if (bootId === undefined || pidNamespace === undefined) return undefined
  const text = `${bootId} ${pidNamespace} ${timeNamespace}`
  if (recent?.text !== text) recent = { text, tag: tag(text) }
  return recent.tag
}

/** A sweep asks for the tag of our own process table three times a session. */
let recent: { readonly text: string; readonly tag: string } | undefined

export function placeTag({ fsType, ino }: Place): string {
  return tag(`${fsType} ${ino}`)
}

/** 40 bits of a hash (cyrb53): the names are in a private directory, so it need not resist an attacker. */
function tag(text: string): string {
  let a = 0xdeadbeef
  let b = 0x41c6ce57
  for (let index = 0; index < text.length; index++) {
    const unit = text.charCodeAt(index)
    a = Math.imul(a ^ unit, 2654435761)
    b = Math.imul(b ^ unit, 1597334677)
  }
  a = Math.imul(a ^ (a >>> 16), 2246822507) ^ Math.imul(b ^ (b >>> 13), 3266489909)
  b = Math.imul(b ^ (b >>> 16), 2246822507) ^ Math.imul(a ^ (a >>> 13), 3266489909)
  const value = (b >>> 24) * 2 ** 32 + (a >>> 0)
  return value.toString(36).padStart(TAG_LENGTH, '0')
}
