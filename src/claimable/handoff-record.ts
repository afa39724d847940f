// A handoff's record, `handoff.json`: what is written at publishing and what is accepted at claiming. Guarantee:
// a record that was tampered with is refused, one of another version is kept, and neither is deleted for it.

import type { FileSystem } from '../disk/file-system.ts'
import { readRecord } from '../disk/record-file.ts'
import { isTempFileError, optionError, TempFileError } from '../errors.ts'
import { checkName } from '../input/names.ts'
import { inside, RECORD } from '../layout.ts'
import type { Json } from '../types.ts'

export const HANDOFF_VERSION = 1

/** `handoff.json`. */
export interface HandoffRecord {
  readonly v: typeof HANDOFF_VERSION
  readonly ticket: string
  readonly kind: 'file' | 'dir'
  readonly name: string
  /** Milliseconds that it waits for a claimant, from when the attempt file was stamped. */
  readonly ttl: number
  /** How often it may be claimed before it is a dead letter; undefined: no limit. */
  readonly maxAttempts?: number | undefined
  readonly durable: boolean
  readonly meta?: Json | undefined
  /** Milliseconds since 1970 by the publisher's clock; shown, never judged by. */
  readonly publishedAt: number
  readonly publisher: { readonly pid: number; readonly hostname: string }
}

/** The contract's cap on `meta`, in bytes of its JSON. */
const MAX_META_BYTES = 64 * 1024

/** Checks `meta` and returns it as it will be read back. @throws ERR_TEMP_OPTION_INVALID */
export function checkMeta(meta: unknown): Json | undefined {
  if (meta === undefined) return undefined
  let text: string | undefined
  try {
    text = JSON.stringify(meta)
  } catch (error) {
    throw new TempFileError('ERR_TEMP_OPTION_INVALID', 'meta cannot be written as JSON. Pass plain data.', {
      cause: error,
      details: { option: 'meta' },
    })
  }
  if (text === undefined) throw optionError('meta', 'meta is not a JSON value. Pass plain data.')
  if (Buffer.byteLength(text) > MAX_META_BYTES) {
    throw optionError(
      'meta',
      'meta is larger than 64 KiB of JSON. Put the data into the file, or into another handoff.',
    )
  }
  return JSON.parse(text) as Json // what JSON.parse gives is Json by definition
}

export type HandoffRead =
  | { readonly state: 'read'; readonly record: HandoffRecord }
  | { readonly state: 'missing' }
  /** `cause`: the system's error that kept it from being read: another time it may be. */
  | { readonly state: 'refused'; readonly why: string; readonly cause?: unknown }

/** Reads and checks the record in `directory`, which must be the one of `ticket`. */
export function readHandoff(fs: FileSystem, directory: string, ticket: string): HandoffRead {
  const read = readRecord(fs, inside(directory, RECORD))
  if (read.state === 'missing') return read
  if (read.state === 'unreadable') return { state: 'refused', why: read.why, cause: read.cause }
  const uid = process.geteuid?.()
  if (uid !== undefined && read.uid !== uid) return { state: 'refused', why: 'it belongs to another user' }
  return parseHandoff(read.value, ticket)
}

/** Checks a parsed record. */
export function parseHandoff(value: unknown, ticket: string): HandoffRead {
  const refused = (why: string): HandoffRead => ({ state: 'refused', why })
  if (typeof value !== 'object' || value === null) return refused('it is not an object')
  const r = value as Record<string, unknown> // an object of unknown members: each is checked below
  if (r['v'] !== HANDOFF_VERSION) {
    return refused(
      typeof r['v'] === 'number' ? 'it was written by another version of this package' : 'it has no version',
    )
  }
  if (r['ticket'] !== ticket) return refused('it is the record of another handoff')
  const { kind, name, ttl } = r
  if (kind !== 'file' && kind !== 'dir') return refused('its kind is unknown')
  if (!isGoodName(name)) return refused('its name is not a plain file name')
  if (typeof ttl !== 'number' || !(ttl >= 0)) return refused('its time to live is not a number')
  const { maxAttempts } = r
  if (maxAttempts !== undefined && !isCount(maxAttempts))
    return refused('its maxAttempts is not a whole number')
  const publisher = r['publisher']
  const { pid, hostname } = (typeof publisher === 'object' && publisher !== null ? publisher : {}) as {
    pid?: unknown // both are checked below
    hostname?: unknown
  }
  return {
    state: 'read',
    record: {
      v: HANDOFF_VERSION,
      ticket,
      kind,
      name,
      ttl,
      maxAttempts,
      durable: r['durable'] !== false,
      meta: r['meta'] as Json | undefined, // it came out of JSON.parse
      publishedAt: typeof r['publishedAt'] === 'number' ? r['publishedAt'] : 0,
      publisher: {
        pid: typeof pid === 'number' ? pid : 0,
        hostname: typeof hostname === 'string' ? hostname : '',
      },
    },
  }
}

function isCount(value: unknown): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 1
}

export function isGoodName(name: unknown): name is string {
  try {
    checkName(name)
    return true
  } catch (error) {
    if (isTempFileError(error)) return false
    throw error
  }
}

/** The error for a ticket that is not one. */
export function checkTicket(valid: boolean): void {
  if (valid) return
  throw new TempFileError(
    'ERR_TEMP_TICKET_INVALID',
    'This is not a ticket. Pass the string that handOff() returned, unchanged.',
  )
}

export function goneError(): TempFileError {
  return new TempFileError(
    'ERR_TEMP_HANDOFF_GONE',
    'There is no handoff with this ticket: it was completed, it expired, or it was published under another name, base directory or host.',
  )
}

export function corruptError(why: string, path: string): TempFileError {
  return new TempFileError(
    'ERR_TEMP_HANDOFF_CORRUPT',
    `The record of this handoff is damaged: ${why}. The data is kept: look at it by hand, or remove the directory.`,
    { path },
  )
}

/** The error for a dead letter. `reason`: why its last attempt failed. */
export function deadError(attempts: number, reason: string | undefined): TempFileError {
  const last = reason === undefined ? '' : ` The last attempt failed: ${reason}`
  return new TempFileError(
    'ERR_TEMP_HANDOFF_DEAD',
    `The handoff is a dead letter: it was claimed ${attempts} times and never completed. Call retry() with its ticket to allow more attempts, or discard().${last}`,
    { details: { attempts } },
  )
}
