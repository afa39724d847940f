// A handoff's record, `handoff.json`: written when it is published, checked when it is claimed. Guarantee: a record that is
// not exactly of this form is refused, and the handoff is kept.

import type { FileSystem } from '../disk/file-system.ts'
import { isTempFileError, optionError, TempFileError } from '../errors.ts'
import { inside, RECORD } from '../layout.ts'
import type { Json } from '../types.ts'
import {
  checkIdentity,
  type Fields,
  millisecondsIn,
  nameIn,
  numberOf,
  processIn,
  type ReadRecord,
  readClaimable,
  refuse,
} from './claimable-record.ts'

export const HANDOFF_VERSION = 1

/** `handoff.json`. */
export interface HandoffRecord {
  readonly v: typeof HANDOFF_VERSION
  readonly ticket: string
  readonly kind: 'file' | 'dir'
  readonly name: string
  /** How long it waits for a claimant, in milliseconds from when the attempt file was stamped. */
  readonly ttl: number
  /** How often it may be claimed before it is a dead letter; undefined: no limit. */
  readonly maxAttempts?: number | undefined
  readonly durable: boolean
  readonly meta?: Json | undefined
  /** Milliseconds since 1970 by the publisher's clock; shown, but no decision depends on it. */
  readonly publishedAt: number
  readonly publisher: { readonly pid: number; readonly hostname: string }
}

/** The greatest size of `meta`, in bytes of its JSON. */
const MAX_META_BYTES = 64 * 1024

/** Checks `meta` and returns it as it will be read back. @throws ERR_TEMP_OPTION_INVALID */
export function checkMeta(meta: unknown): Json | undefined {
  if (meta === undefined) return undefined
  let text: string | undefined
  try {
    text = JSON.stringify(meta, refusePromise)
  } catch (error) {
    if (isTempFileError(error)) throw error
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
  return JSON.parse(text) as Json // JSON.parse returns Json by definition
}

/** JSON has `{}` for a promise: its value would be lost without a sign. */
function refusePromise(_key: string, value: unknown): unknown {
  const { then } = (value ?? {}) as { then?: unknown } // any value can be read by key
  if (typeof then === 'function') throw optionError('meta', 'meta is or has a promise. Await it first.')
  return value
}

export type HandoffRead = ReadRecord<HandoffRecord>

/** Reads and checks the record in `directory`, which must be that of `ticket`. */
export function readHandoff(fs: FileSystem, directory: string, ticket: string): HandoffRead {
  return readClaimable(fs, inside(directory, RECORD), (fields) => parseHandoff(fields, ticket))
}

/** Returns the checked record, or refuses it. */
export function parseHandoff(fields: Fields, ticket: string): HandoffRecord {
  checkIdentity(fields, { v: HANDOFF_VERSION, key: 'ticket', id: ticket, kind: 'handoff' })
  const { kind, maxAttempts } = fields
  if (kind !== 'file' && kind !== 'dir') refuse('its kind is unknown')
  if (maxAttempts !== undefined && !isCount(maxAttempts)) refuse('its maxAttempts is not a whole number')
  return {
    v: HANDOFF_VERSION,
    ticket,
    kind,
    name: nameIn(fields),
    ttl: millisecondsIn(fields, 'ttl'),
    maxAttempts,
    durable: fields['durable'] !== false,
    meta: fields['meta'] as Json | undefined, // it came out of JSON.parse
    publishedAt: numberOf(fields['publishedAt']) ?? 0,
    publisher: processIn(fields, 'publisher'),
  }
}

function isCount(value: unknown): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 1
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

/** The error for a dead letter. `reason`: why its last attempt failed; the cause, because the text may hold a path. */
export function deadError(attempts: number, reason: string | undefined): TempFileError {
  const times = attempts === 1 ? 'once' : `${attempts} times`
  return new TempFileError(
    'ERR_TEMP_HANDOFF_DEAD',
    `The handoff is a dead letter: it was claimed ${times} and never completed. Call retry() with its ticket to allow more attempts, or discard().`,
    { cause: reason === undefined ? undefined : new Error(reason), details: { attempts } },
  )
}
