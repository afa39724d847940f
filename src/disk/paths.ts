// Basic operations on one path, for every module. Guarantee: 'absent' means that the system reported ENOENT or ENOTDIR;
// a path that could not be examined (EACCES, EIO, EMFILE) is an error, never 'absent'.

import { dirname } from 'node:path'
import { errnoOf } from '../errors.ts'
import type { DiskEntry, DiskPath, DiskStats, FileSystem } from './file-system.ts'

/** `directory/name`, as bytes if either is bytes. */
export function joinPath(directory: DiskPath, name: string | Buffer): DiskPath {
  if (typeof directory === 'string' && typeof name === 'string') return `${directory}/${name}`
  return Buffer.concat([Buffer.from(directory), Buffer.from('/'), Buffer.from(name)])
}

/** Whether the system reported that nothing exists at the path. */
function isAbsent(error: unknown): boolean {
  const errno = errnoOf(error)
  return errno === 'ENOENT' || errno === 'ENOTDIR'
}

/** An lstat through the thread pool: numbers, of the entry itself and never of a link's target. */
export async function statsOf(fs: FileSystem, path: DiskPath): Promise<DiskStats> {
  // Without `bigint: true` every implementation answers with numbers; the types of memfs do not express that.
  return (await fs.promises.lstat(path)) as DiskStats
}

/** The lstat of a path; undefined where nothing exists. Throws the system's error where that could not be determined. */
export function findSync(fs: FileSystem, path: DiskPath): DiskStats | undefined {
  try {
    return fs.lstatSync(path, { throwIfNoEntry: false }) // an error for each of a thousand misses is what costs
  } catch (error) {
    if (isAbsent(error)) return undefined
    throw error
  }
}

/** Whether something exists at the path, a dangling link included. Throws the system's error where that could not be determined. */
export function existsAt(fs: FileSystem, path: DiskPath): boolean {
  return findSync(fs, path) !== undefined
}

/** Whether nothing exists at the path. False where that could not be determined; never throws. */
export function isMissing(fs: FileSystem, path: DiskPath): boolean {
  try {
    return !existsAt(fs, path)
  } catch {
    return false
  }
}

/** Whether a directory is at the path; a link to one is not. Throws the system's error where that could not be determined. */
export function isDirectoryAt(fs: FileSystem, path: DiskPath): boolean {
  return findSync(fs, path)?.isDirectory() === true
}

/** Renames `from`; returns false if it does not exist, because another process took it first. Throws the system's error. */
export function renameIfThere(fs: FileSystem, from: DiskPath, to: DiskPath): boolean {
  try {
    fs.renameSync(from, to)
    return true
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return false
    throw error
  }
}

/** Runs a removal, for which an entry that does not exist is a success. */
export async function ignoreMissing(remove: () => Promise<void>): Promise<void> {
  try {
    await remove()
  } catch (error) {
    if (errnoOf(error) !== 'ENOENT') throw error
  }
}

/** Whether two stats describe the same file or directory. */
export function isSameFile(
  one: { readonly dev: number; readonly ino: number },
  other: { readonly dev: number; readonly ino: number },
): boolean {
  return one.dev === other.dev && one.ino === other.ino
}

/** The path and the directories above it, from the top: '/', '/a' and '/a/b' of '/a/b'. */
export function pathsDownTo(path: string): string[] {
  const found = [path]
  for (let at = path; ; ) {
    const above = dirname(at)
    if (above === at) return found
    found.unshift(above)
    at = above
  }
}

/** The names in a directory of the root. Throws the system's error. */
export function namesIn(fs: FileSystem, directory: string): string[] {
  return fs.readdirSync(directory).map(String)
}

/** As {@link namesIn}; undefined if the directory does not exist. */
export function namesIfThere(fs: FileSystem, directory: string): string[] | undefined {
  try {
    return namesIn(fs, directory)
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return undefined
    throw error
  }
}

/** The entries of a directory. A name that is not valid UTF-8 comes as a Buffer, together with all others. */
export async function readEntries(fs: FileSystem, path: DiskPath): Promise<DiskEntry[]> {
  // With withFileTypes every implementation answers with Dirents; the loose interface declares unknown.
  const entries = (await fs.promises.readdir(path, { withFileTypes: true })) as DiskEntry[]
  if (!entries.some(isDamaged)) return entries
  return (await fs.promises.readdir(path, { withFileTypes: true, encoding: 'buffer' })) as DiskEntry[]
}

/** As {@link readEntries}, on the loop. */
export function readEntriesSync(fs: FileSystem, path: DiskPath): DiskEntry[] {
  const entries = fs.readdirSync(path, { withFileTypes: true }) as DiskEntry[]
  if (!entries.some(isDamaged)) return entries
  return fs.readdirSync(path, { withFileTypes: true, encoding: 'buffer' }) as DiskEntry[]
}

/** Whether U+FFFD replaces bytes that are not UTF-8, or may do so. */
function isDamaged({ name }: DiskEntry): boolean {
  return name.includes('\ufffd')
}
