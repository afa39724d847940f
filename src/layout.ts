// The names on disk: the one module that joins a root path. Tests and operators look at this layout, so it
// is a contract (docs/crash-recovery.md); a name that does not parse here is foreign and left alone.

import { sep } from 'node:path'
import type { FileSystem } from './disk/file-system.ts'
import { crypto } from './runtime/lazy.ts'

const ALPHABET = '0123456789abcdefghjkmnpqrstvwxyz' // Crockford's base 32: one case, nothing to misread

/** Random text of `bytes` random bytes in lower case base 32, safe in file names, URLs, JSON and logs. */
export function randomText(bytes: number): string {
  let bits = 0
  let held = 0
  let text = ''
  for (const byte of randomOf(bytes)) {
    held = (held << 8) | byte
    bits += 8
    while (bits >= 5) {
      bits -= 5
      text += ALPHABET[(held >>> bits) & 31]
    }
    held &= (1 << bits) - 1
  }
  return bits > 0 ? text + ALPHABET[(held << (5 - bits)) & 31] : text
}

// Random bytes are drawn by the hundred: eight at a time cost 4 us, and a sweep names two tombstones a session.
let pool: Buffer = Buffer.alloc(0)

function randomOf(bytes: number): Buffer {
  if (pool.length < bytes) pool = crypto().randomBytes(Math.max(bytes, 512))
  const taken = pool.subarray(0, bytes)
  pool = pool.subarray(bytes)
  return taken
}

/**
 * Text that no other call returns, in base 32: for names in directories that only this user can read, which need not be
 * secret. Loading node:crypto took 1 to 9 ms of a short program. The clock's nanoseconds keep processes apart that run
 * under one --random-seed.
 */
export function uniqueText(length: number): string {
  let text = ''
  while (text.length < length) {
    const [seconds, nanoseconds] = process.hrtime()
    const clock = (seconds % 1e5) * 1e9 + nanoseconds
    const part = (Math.floor(Math.random() * UNIQUE_RANGE) + clock) % UNIQUE_RANGE
    text += part.toString(32).padStart(10, '0')
  }
  return text.slice(-length)
}

/** Ten digits of base 32. */
const UNIQUE_RANGE = 2 ** 50

/** Characters of the random part of a session's id and of the names of its files: 80 bits. */
export const SESSION_RANDOM_LENGTH = 16
/** A ticket is 128 random bits: 26 characters. */
export const TICKET_BYTES = 16
const TICKET = /^[0-9a-hjkmnp-tv-z]{26}$/
/** A partial upload's id: `u`, which is in no ticket, and 128 random bits. */
const UPLOAD_ID = /^u[0-9a-hjkmnp-tv-z]{26}$/

export const OWNER = 'owner.json'
export const LEASE = 'lease'
export const LEASE_2 = 'lease-2'
export const CLAIMS = 'claims'
export const HEARTBEAT = 'heartbeat'
/** Holds a session's notes of what it has outside the root. */
export const OUTSIDE = 'outside'
/** The owner has passed its lease on to a child that may live: only the lease tells whether the session is in use. */
export const HELD = 'held'
export const RECORD = 'handoff.json'
export const DATA = 'data'
/** Holds the reason why the last claim of a handoff was not completed. */
export const FAILURE = 'failure.json'
export const UPLOAD_RECORD = 'upload.json'
export const UPLOAD_RESULT = 'done.json'
/** The server's answer to the last byte. */
export const UPLOAD_ANSWER = 'answer.json'
/** Asks the process that is writing an upload to stop: a newer request of its client waits. */
export const WANTED = 'wanted'

/** Holds the reason why a directory is in kept/. */
export const KEPT_RECORD = 'kept.json'

const OWN_RECORDS = new Set<string>([OWNER, LEASE, LEASE_2, HEARTBEAT, HELD, OUTSIDE, KEPT_RECORD])

/** Whether a name directly inside a session, or a kept directory, is a record of this package and no file of the user. */
export function isOwnRecord(name: string): boolean {
  return OWN_RECORDS.has(name) || /^\.(?:l|owner)-/.test(name)
}

/** The kinds of a session's entries besides the user's files and directories: handoffs, or one handoff being published. */
export function ownHolder(name: string): 'claims' | 'handoff' | undefined {
  if (name === CLAIMS) return 'claims'
  return /^\.(?:pub|gone)-/.test(name) ? 'handoff' : undefined
}

/** Absolute paths of a root's rooms. */
export interface Layout {
  readonly root: string
  readonly sessions: string
  readonly handoffs: string
  /** Partial uploads; created with the first one. */
  readonly uploads: string
  readonly kept: string
  /** Short links to directories of sessions, for child programs. */
  readonly tmp: string
  readonly sweepLock: string
}

/** The directories of a root. Those that are `CREATED_LATER` come with the first entry in them. */
export const ROOMS = ['sessions', 'handoffs', 'uploads', 'kept', 'tmp'] as const
export const CREATED_LATER = ['uploads', 'kept', 'tmp'] as const

/** A root directory as every room uses it: one value, passed whole. */
export interface Root {
  readonly fs: FileSystem
  /** `fs` is the machine's own file system, so the kernel's facts (processes, sockets, mounts) apply to it. */
  readonly native: boolean
  readonly layout: Layout
}

export function layoutOf(root: string): Layout {
  return {
    root,
    sessions: inside(root, 'sessions'),
    handoffs: inside(root, 'handoffs'),
    uploads: inside(root, 'uploads'),
    kept: inside(root, 'kept'),
    tmp: inside(root, 'tmp'),
    sweepLock: inside(root, 'sweep.lock'),
  }
}

/** Joins one of this module's names, or a name that `names.ts` has checked, to a directory of the layout. */
export function inside(directory: string, name: string): string {
  return directory + sep + name
}

/**
 * A session's id: the pid comes first, so that exit finds its own process's sessions without reading. `proof` is explained
 * in liveness/session-name.ts.
 */
export function sessionId(pid: number, random: string, proof?: string): string {
  return proof === undefined ? `${pid}-${random}` : `${pid}-${proof}-${random}`
}

export const liveName = (id: string): string => `s-${id}`
export const newName = (id: string): string => `.new-${id}`
export const deadName = (id: string): string => `.dead-${id}-${uniqueText(13)}`
export const goneName = (id: string): string => `.gone-${id}-${uniqueText(13)}`
const PUBLISHING = '.pub-'
export const publishName = (ticket: string): string => `${PUBLISHING}${ticket}`
export const isPublishName = (name: string): boolean => name.startsWith(PUBLISHING)
export const attemptName = (count: number): string => `attempt-${count}`
export const retriedName = (count: number): string => `retried-${count}`

/** The kind of an entry of `sessions/`, by its name alone. */
export interface SessionsEntry {
  readonly kind: 'live' | 'new' | 'dead' | 'gone'
  /** A session's id, or the ticket of a handoff that was suspected to be expired. */
  readonly id: string
}

const ENTRY = /^(?:(s-)([0-9a-z-]+)|(\.new-)([0-9a-z-]+)|\.(dead|gone)-([0-9a-z-]+)-[0-9a-z]+)$/

export function parseSessionsEntry(name: string): SessionsEntry | undefined {
  const match = ENTRY.exec(name)
  if (match === null) return undefined
  if (match[2] !== undefined) return { kind: 'live', id: match[2] }
  if (match[4] !== undefined) return { kind: 'new', id: match[4] }
  return { kind: match[5] === 'dead' ? 'dead' : 'gone', id: match[6] ?? '' }
}

export function isTicket(value: unknown): value is string {
  return typeof value === 'string' && TICKET.test(value)
}

export const newUploadId = (): string => `u${randomText(TICKET_BYTES)}`

export function isUploadId(value: unknown): value is string {
  return typeof value === 'string' && UPLOAD_ID.test(value)
}

/** The count in `attempt-<n>`, or undefined for any other name. */
export function parseAttempt(name: string): number | undefined {
  const match = /^attempt-(\d{1,9})$/.exec(name)
  return match === null ? undefined : Number(match[1])
}

/** The count in `retried-<n>`, or undefined for any other name. */
export function parseRetried(name: string): number | undefined {
  const match = /^retried-(\d{1,9})$/.exec(name)
  return match === null ? undefined : Number(match[1])
}
