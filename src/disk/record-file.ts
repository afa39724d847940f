// Small JSON records, written and read so that neither a crash nor a planted file does harm. Guarantee: a record that could
// not be written is absent; a part that a kill left is reported as unreadable; what was written whole can be read. Reading
// never follows a link, waits for a FIFO or reads a huge file.

import { constants } from 'node:fs'
import { errnoOf, TempFileError } from '../errors.ts'
import { closeSync } from './descriptors.ts'
import type { FileSystem } from './file-system.ts'

/** A record holds at most 64 KiB of `meta` (contract), at worst six times as long in JSON, and some facts. */
const MAX_RECORD_BYTES = 512 * 1024

/** O_EXCL also refuses a link at the name (open(2)). */
const CREATE = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL
const READ = constants.O_RDONLY | (constants.O_NOFOLLOW ?? 0) | (constants.O_NONBLOCK ?? 0)

/** How a record is written. */
export interface Writing {
  /** Synced before it counts as written. */
  readonly durable?: boolean
  /** False: the umask is known to leave the owner's bits. */
  readonly mendsMode?: boolean
}

/**
 * Writes a new record with mode 0600, whatever the umask. Throws the system's error, after the part that was written is
 * removed; ERR_TEMP_OPTION_INVALID for a record that would be too large to be read.
 */
export function writeRecord(fs: FileSystem, path: string, value: unknown, writing: Writing = {}): void {
  const bytes = Buffer.from(JSON.stringify(value))
  if (bytes.length > MAX_RECORD_BYTES) refuse(bytes)
  const fd = fs.openSync(path, CREATE, 0o600)
  try {
    fill(fs, fd, bytes, writing)
  } catch (error) {
    discard(fs, path)
    throw error
  }
}

function refuse(bytes: Buffer): never {
  throw new TempFileError(
    'ERR_TEMP_OPTION_INVALID',
    `The record of these options has ${bytes.length} bytes, and ${MAX_RECORD_BYTES} are read at most. Pass less.`,
  )
}

/** Writes the record and closes it, also after an error. */
function fill(fs: FileSystem, fd: number, bytes: Buffer, { durable, mendsMode }: Writing): void {
  try {
    if (mendsMode !== false && (fs.fstatSync(fd).mode & 0o700) !== 0o600) fs.fchmodSync(fd, 0o600)
    let done = fs.writeSync(fd, bytes)
    while (done < bytes.length) done += fs.writeSync(fd, bytes.subarray(done))
    if (durable === true) fs.fsyncSync(fd)
  } finally {
    fs.closeSync(fd)
  }
}

function discard(fs: FileSystem, path: string): void {
  try {
    fs.unlinkSync(path)
  } catch {
    // It was removed with its directory, or stays unreadable: the caller needs the first error.
  }
}

export type RecordRead =
  | { readonly state: 'read'; readonly value: unknown; readonly uid: number }
  | { readonly state: 'missing' }
  /** `cause`: the system's error, where the reading failed, not the content. */
  | { readonly state: 'unreadable'; readonly why: string; readonly cause?: unknown }

/** Reads a record; never throws. A link, FIFO, directory, device or oversized file is 'unreadable'. */
export function readRecord(fs: FileSystem, path: string): RecordRead {
  let fd: number
  try {
    fd = fs.openSync(path, READ)
  } catch (error) {
    const errno = errnoOf(error)
    if (errno === 'ENOENT') return { state: 'missing' }
    if (errno === 'ELOOP') return { state: 'unreadable', why: 'it is a symbolic link' }
    return { state: 'unreadable', why: `the system reported ${errno}`, cause: error }
  }
  try {
    const stats = fs.fstatSync(fd)
    if (!stats.isFile()) return { state: 'unreadable', why: 'it is not a regular file' }
    if (stats.size > MAX_RECORD_BYTES) return { state: 'unreadable', why: 'it is too large' }
    const bytes = Buffer.alloc(stats.size)
    let length = 0
    while (length < bytes.length) {
      const count = fs.readSync(fd, bytes, length, bytes.length - length, length)
      if (count === 0) break
      length += count
    }
    return { state: 'read', value: JSON.parse(bytes.toString('utf8', 0, length)), uid: stats.uid }
  } catch (error) {
    if (error instanceof SyntaxError) return { state: 'unreadable', why: 'it is not JSON' }
    return { state: 'unreadable', why: `the system reported ${errnoOf(error)}`, cause: error }
  } finally {
    closeSync(fs, fd)
  }
}
