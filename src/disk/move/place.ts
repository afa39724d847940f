// The commit of a move on one device. Guarantee: one synchronous system call decides; without `overwrite` it is one
// that itself refuses an existing destination, so nothing can be created between a check and the move.

import { constants } from 'node:fs'
import { basename, dirname } from 'node:path'
import { errnoOf, TempFileError } from '../../errors.ts'
import { platform } from '../../platform/index.ts'
import type { DiskStats, FileSystem } from '../file-system.ts'
import { isSameFile } from '../paths.ts'

/** How the destination gets its name. */
export interface PlaceOptions {
  /** Replace what is at the destination: a file by a file, an empty directory by a directory. */
  readonly overwrite: boolean
  /** Permission bits that the file or the top directory gets. */
  readonly mode?: number | undefined
  /** What must be moved; anything else, such as a link, is refused. */
  readonly kind?: 'file' | 'dir' | undefined
}

/** From where to where. `from` is in a directory that only this user can change. */
export interface Route {
  readonly from: string
  readonly to: string
  /** The destination as the caller named it, for errors: `to` may go through a descriptor. */
  readonly label: string
}

/** Gives `from` its final name and mode; false if the destination is on another device. */
export function placeOrCrossDevice(
  fs: FileSystem,
  route: Route,
  stats: DiskStats,
  options: PlaceOptions,
): boolean {
  const { from, to, label } = route
  requireKind(stats, options.kind, label)
  refuseConflict(fs, route, stats, options.overwrite)
  const mode = stats.isSymbolicLink() ? undefined : options.mode
  try {
    // Before it is seen under its new name.
    if (mode !== undefined) fs.chmodSync(from, mode & 0o7777)
    if (stats.isDirectory()) placeDirectory(fs, from, to, options)
    else if (options.overwrite) rename(fs, from, to)
    else linkToNewFile(fs, from, to)
    return true
  } catch (error) {
    if (mode !== undefined) restoreMode(fs, from, stats)
    if (errnoOf(error) === 'EXDEV') return false
    throw explain(fs, error, label)
  }
}

/** A destination that is a link would lead its readers to a file that whoever made the link chose. */
function requireKind(stats: DiskStats, kind: PlaceOptions['kind'], path: string): void {
  if (kind === undefined || (kind === 'file' ? stats.isFile() : stats.isDirectory())) return
  throw new TempFileError(
    'ERR_TEMP_IO',
    `Cannot persist it: its path does not hold a ${kind === 'file' ? 'regular file' : 'directory'} any more. Put the data itself there.`,
    { path },
  )
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

/** Refuses what the system calls would refuse with a mere number, or (memfs, hard links) not refuse at all. */
function refuseConflict(fs: FileSystem, route: Route, stats: DiskStats, overwrite: boolean): void {
  const { from, to, label } = route
  const target = lookAt(fs, to)
  if (target === undefined) return
  if (isSameFile(target, stats) && isSamePlace(fs, from, to)) {
    throw new TempFileError(
      'ERR_TEMP_EXISTS',
      'The destination is the temporary file itself. Choose another path.',
      { path: label },
    )
  }
  if (!overwrite) throw exists(label, ALREADY_THERE)
  if (stats.isDirectory() !== target.isDirectory()) {
    const [is, moved] = target.isDirectory() ? ['directory', 'file'] : ['file', 'directory']
    throw exists(
      label,
      `The destination is a ${is}, which a ${moved} cannot replace. Remove it first, or choose another name.`,
    )
  }
  if (target.isDirectory() && fs.readdirSync(to).length > 0) throw notEmpty(label)
}

const ALREADY_THERE = 'The destination exists already. Choose another name, or pass overwrite: true.'

/** Two hard links of one file are two places; one path through a symlinked directory is one. */
function isSamePlace(fs: FileSystem, from: string, to: string): boolean {
  if (basename(from) !== basename(to)) return false
  return fs.realpathSync(dirname(from)).toString() === fs.realpathSync(dirname(to)).toString()
}

/** Moving a directory rewrites its '..', so its owner must be able to write it: a mode like 0500 is set again after. */
function placeDirectory(fs: FileSystem, from: string, to: string, options: PlaceOptions): void {
  const mode = fs.lstatSync(from).mode & 0o7777
  const locked = platform().hasModes && (mode & 0o200) === 0
  if (locked) fs.chmodSync(from, mode | 0o200)
  let placed = false
  try {
    renameDirectory(fs, from, to, options.overwrite)
    placed = true
  } finally {
    if (locked) fs.chmodSync(placed ? to : from, mode)
  }
}

function rename(fs: FileSystem, from: string, to: string): void {
  fs.renameSync(from, to)
  // For two hard links of one file rename(2) does nothing and reports success.
  if (lookAt(fs, from) !== undefined) fs.unlinkSync(from)
}

/** mkdir refuses what exists in one step; a directory replaces the empty one, and only an empty one. */
function renameDirectory(fs: FileSystem, from: string, to: string, overwrite: boolean): void {
  const replaced = overwrite && lookAt(fs, to) !== undefined
  if (!overwrite) fs.mkdirSync(to, { mode: 0o700 })
  try {
    // Windows: between the two calls the name is free, and a file that another process creates there is replaced.
    if (!platform().renamesOverDirectories && (replaced || !overwrite)) fs.rmdirSync(to)
    fs.renameSync(from, to)
  } catch (error) {
    if (replaced) restoreDirectory(fs, to)
    else if (!overwrite) removeEmptyDirectory(fs, to)
    throw error
  }
}

/** A directory that another process has put something into stays. */
function removeEmptyDirectory(fs: FileSystem, path: string): void {
  try {
    fs.rmdirSync(path)
  } catch {}
}

function restoreDirectory(fs: FileSystem, path: string): void {
  try {
    fs.mkdirSync(path, { mode: 0o700 })
  } catch {} // it is still there, or another process took the name
}

/** link refuses what exists in one step, which a check before a rename could not. */
function linkToNewFile(fs: FileSystem, from: string, to: string): void {
  try {
    fs.linkSync(from, to)
  } catch (error) {
    // A file system without hard links (exFAT, some FUSE): an exclusive empty file takes the name, and is replaced.
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

/** An errno with its meaning here and what to do about it. */
export function explain(fs: FileSystem, error: unknown, to: string): unknown {
  const errno = errnoOf(error)
  if (errno === 'EEXIST') return exists(to, ALREADY_THERE, error)
  if (errno === 'ENOTEMPTY') return notEmpty(to, error)
  const parent = lookAt(fs, dirname(to))
  if ((errno === 'ENOENT' || errno === 'ENOTDIR') && parent?.isDirectory() !== true) {
    return new TempFileError(
      'ERR_TEMP_IO',
      "The destination's directory does not exist. Create it first, or pass makeParents: true.",
      {
        cause: error,
        path: to,
      },
    )
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
