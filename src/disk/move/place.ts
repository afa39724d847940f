// The commit of a move on one device. Promise: one synchronous system call decides; without `overwrite` it is one
// that refuses an existing destination by itself, so nobody can slip in between a look and the act.

import { constants } from 'node:fs'
import { basename, dirname } from 'node:path'
import { errnoOf, TempFileError } from '../../errors.ts'
import type { DiskStats, FileSystem } from '../file-system.ts'

/** How a move ends. */
export interface PlaceOptions {
  /** Replace what stands at the destination: a file by a file, an empty directory by a directory. */
  readonly overwrite: boolean
  /** Permission bits that the file or the top directory gets. */
  readonly mode?: number | undefined
}

/** Puts `from` in its place, with its mode; false if that is on another device. */
export function placeOrCrossDevice(
  fs: FileSystem,
  from: string,
  to: string,
  stats: DiskStats,
  options: PlaceOptions,
): boolean {
  const target = lookAt(fs, to)
  refuseConflict(fs, from, to, stats, target, options.overwrite)
  const mode = stats.isSymbolicLink() ? undefined : options.mode
  try {
    // Before it is seen under its new name.
    if (mode !== undefined) fs.chmodSync(from, mode & 0o7777)
    if (options.overwrite) rename(fs, from, to)
    else if (stats.isDirectory()) renameToNewDirectory(fs, from, to)
    else linkToNewFile(fs, from, to)
    return true
  } catch (error) {
    if (mode !== undefined) restoreMode(fs, from, stats)
    if (errnoOf(error) === 'EXDEV') return false
    throw explain(fs, error, to)
  }
}

/** Undoes a move on one device. */
export function putBack(fs: FileSystem, placed: string, from: string, stats: DiskStats): void {
  fs.renameSync(placed, from)
  if (!stats.isSymbolicLink()) restoreMode(fs, from, stats)
}

function restoreMode(fs: FileSystem, path: string, stats: DiskStats): void {
  try {
    fs.chmodSync(path, stats.mode & 0o7777)
  } catch {
    // The failure that led here is the one to report.
  }
}

function lookAt(fs: FileSystem, path: string): DiskStats | undefined {
  try {
    return fs.lstatSync(path)
  } catch {
    return undefined
  }
}

/** What the system calls would refuse with a number, or (memfs, hard links) not refuse at all. */
function refuseConflict(
  fs: FileSystem,
  from: string,
  to: string,
  stats: DiskStats,
  target: DiskStats | undefined,
  overwrite: boolean,
): void {
  if (target === undefined) return
  if (target.dev === stats.dev && target.ino === stats.ino && isSamePlace(fs, from, to)) {
    throw new TempFileError(
      'ERR_TEMP_EXISTS',
      'The destination is the temp file itself. Choose another path.',
      { path: to },
    )
  }
  if (!overwrite)
    throw exists(to, 'The destination exists already. Choose another name, or pass overwrite: true.')
  if (stats.isDirectory() !== target.isDirectory()) {
    const [is, moved] = target.isDirectory() ? ['directory', 'file'] : ['file', 'directory']
    throw exists(
      to,
      `The destination is a ${is}, which a ${moved} cannot replace. Remove it first, or choose another name.`,
    )
  }
  if (target.isDirectory() && fs.readdirSync(to).length > 0) throw notEmpty(to)
}

/** Two hard links of one file are two places; one path through a symlinked directory is one. */
function isSamePlace(fs: FileSystem, from: string, to: string): boolean {
  if (basename(from) !== basename(to)) return false
  return fs.realpathSync(dirname(from)).toString() === fs.realpathSync(dirname(to)).toString()
}

function rename(fs: FileSystem, from: string, to: string): void {
  fs.renameSync(from, to)
  // Of two hard links of one file, rename(2) does nothing and says it went well.
  if (lookAt(fs, from) !== undefined) fs.unlinkSync(from)
}

/** mkdir refuses what exists in one step; a directory replaces the empty one, and only an empty one. */
function renameToNewDirectory(fs: FileSystem, from: string, to: string): void {
  // Windows renames onto nothing that exists, so the rename itself refuses.
  if (process.platform === 'win32') {
    fs.renameSync(from, to)
    return
  }
  fs.mkdirSync(to, { mode: 0o700 })
  try {
    fs.renameSync(from, to)
  } catch (error) {
    try {
      fs.rmdirSync(to)
    } catch {
      // Somebody put something in; it is theirs.
    }
    throw error
  }
}

/** link refuses what exists in one step, which a look before a rename could not. */
function linkToNewFile(fs: FileSystem, from: string, to: string): void {
  try {
    fs.linkSync(from, to)
  } catch (error) {
    // No hard links there (exFAT, some FUSE): an exclusive empty file takes the name, and is replaced.
    if (!['EPERM', 'ENOTSUP', 'ENOSYS', 'EMLINK'].includes(errnoOf(error) ?? '')) throw error
    renameOverPlaceholder(fs, from, to)
    return
  }
  try {
    fs.unlinkSync(from)
  } catch (error) {
    fs.unlinkSync(to)
    throw error
  }
}

function renameOverPlaceholder(fs: FileSystem, from: string, to: string): void {
  fs.closeSync(fs.openSync(to, constants.O_CREAT | constants.O_EXCL | constants.O_WRONLY, 0o600))
  try {
    fs.renameSync(from, to)
  } catch (error) {
    fs.unlinkSync(to)
    throw error
  }
}

/** What an errno means here, and what to do about it. */
export function explain(fs: FileSystem, error: unknown, to: string): unknown {
  const errno = errnoOf(error)
  if (errno === 'EEXIST')
    return exists(to, 'The destination exists already. Choose another name, or pass overwrite: true.', error)
  if (errno === 'ENOTEMPTY') return notEmpty(to, error)
  const parent = lookAt(fs, dirname(to))
  if ((errno === 'ENOENT' || errno === 'ENOTDIR') && parent?.isDirectory() !== true) {
    return new TempFileError('ERR_TEMP_IO', "The destination's directory does not exist. Create it first.", {
      cause: error,
      path: to,
    })
  }
  if (errno === 'EINVAL') {
    return new TempFileError(
      'ERR_TEMP_IO',
      'A directory cannot be moved into itself. Choose a destination outside it.',
      { cause: error, path: to },
    )
  }
  return error
}

function notEmpty(path: string, cause?: unknown): TempFileError {
  return exists(
    path,
    'The destination is a directory that is not empty. Empty it first, or choose another name.',
    cause,
  )
}

function exists(path: string, message: string, cause?: unknown): TempFileError {
  return new TempFileError('ERR_TEMP_EXISTS', message, { path, cause })
}
