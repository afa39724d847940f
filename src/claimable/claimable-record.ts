// Reads the record of a handoff or of a partial upload. Guarantee: a record that another user owns, that was tampered with or
// that another version wrote is refused with a reason, and nothing is ever deleted because of it.

import { dirname } from 'node:path'
import type { FileSystem } from '../disk/file-system.ts'
import { findSync } from '../disk/paths.ts'
import { readRecord } from '../disk/record-file.ts'
import { errnoOf, isTempFileError } from '../errors.ts'
import { checkName } from '../input/names.ts'
import { DATA, inside } from '../layout.ts'

/** A record of the form `T`, or why there is none. */
export type ReadRecord<T> =
  | { readonly state: 'read'; readonly record: T }
  | { readonly state: 'missing' }
  /** `cause`: the system's error that prevented the reading. A later reading may succeed. */
  | { readonly state: 'refused'; readonly why: string; readonly cause?: unknown }

/** The members of a record, none of them checked yet. */
export type Fields = Readonly<Record<string, unknown>>

class Refusal extends Error {}

/** Refuses a record from within its parser. `why` completes the sentence 'The record is damaged: ...'. */
export function refuse(why: string): never {
  throw new Refusal(why)
}

/** Reads the record at `path`, which must belong to this user, and checks it with `parse`. */
export function readClaimable<T>(fs: FileSystem, path: string, parse: (fields: Fields) => T): ReadRecord<T> {
  try {
    if (leadsOut(fs, dirname(path))) return { state: 'refused', why: 'its directory is a symbolic link' }
  } catch (error) {
    return { state: 'refused', why: `the system reported ${errnoOf(error)}`, cause: error }
  }
  const read = readRecord(fs, path)
  if (read.state === 'missing') return read
  if (read.state === 'unreadable') return { state: 'refused', why: read.why, cause: read.cause }
  const uid = process.geteuid?.()
  if (uid !== undefined && read.uid !== uid) return { state: 'refused', why: 'it belongs to another user' }
  return parseClaimable(read.value, parse)
}

/** Whether a link is in the place of the directory or of its data: what is behind it is not in the root. */
function leadsOut(fs: FileSystem, directory: string): boolean {
  return [directory, inside(directory, DATA)].some((path) => findSync(fs, path)?.isSymbolicLink() === true)
}

/** Checks a record that was read. */
export function parseClaimable<T>(value: unknown, parse: (fields: Fields) => T): ReadRecord<T> {
  try {
    if (!isFields(value)) refuse('it is not an object')
    return { state: 'read', record: parse(value) }
  } catch (error) {
    if (error instanceof Refusal) return { state: 'refused', why: error.message }
    throw error
  }
}

/** Refuses a record of another version, and one that belongs to something else. */
export function checkIdentity(
  fields: Fields,
  expected: { v: number; key: string; id: string; kind: string },
): void {
  const { v } = fields
  if (v !== expected.v)
    refuse(typeof v === 'number' ? 'it was written by another version of this package' : 'it has no version')
  if (fields[expected.key] !== expected.id) refuse(`it is the record of another ${expected.kind}`)
}

/** The data's name on disk. A name that could lead out of the directory refuses the record. */
export function nameIn(fields: Fields): string {
  const { name } = fields
  return isGoodName(name) ? name : refuse('its name is not a plain file name')
}

/** A time in milliseconds. Any other value refuses the record. */
export function millisecondsIn(fields: Fields, key: string): number {
  return numberOf(fields[key]) ?? refuse('its time to live is not a number')
}

/** The process that wrote the record: shown only, so it refuses nothing. */
export function processIn(fields: Fields, key: string): { readonly pid: number; readonly hostname: string } {
  const { pid, hostname } = fieldsOf(fields[key])
  return { pid: numberOf(pid) ?? 0, hostname: textOf(hostname) ?? '' }
}

/** A number that is at least 0; undefined for any other value. */
export function numberOf(value: unknown): number | undefined {
  return typeof value === 'number' && value >= 0 ? value : undefined
}

export function textOf(value: unknown): string | undefined {
  return typeof value === 'string' ? value : undefined
}

/** The members of a nested object; none for any other value. */
export function fieldsOf(value: unknown): Fields {
  return isFields(value) ? value : {}
}

/** Whether `name` may be used as a file's name: one plain component. */
export function isGoodName(name: unknown): name is string {
  try {
    checkName(name)
    return true
  } catch (error) {
    if (isTempFileError(error)) return false
    throw error
  }
}

function isFields(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null
}
