// What makes a promise survive a power cut. Promise: after these return, what the files and directories held is
// on the disk, as far as the file system lets it be asked for; a descriptor is closed on every way out.

import { constants } from 'node:fs'
import { errnoOf } from '../errors.ts'
import { close, open, sync } from './descriptors.ts'
import type { DiskEntry, DiskPath, FileSystem } from './file-system.ts'
import { joinPath, statsOf } from './paths.ts'

// Nonblocking: a FIFO that took the place of a file must not make us wait for a writer.
const { O_RDONLY, O_WRONLY, O_NOFOLLOW = 0, O_NONBLOCK = 0 } = constants
const READ = O_RDONLY | O_NOFOLLOW | O_NONBLOCK
const WRITE = O_WRONLY | O_NOFOLLOW | O_NONBLOCK

/** Files synced at once: the journal takes them in one commit; more would only fill the thread pool. */
const IN_FLIGHT = 4

/** Makes the names in a directory durable: after a rename into it or out of it. */
export function syncDirectorySync(fs: FileSystem, path: string): void {
  // Windows opens no directories; NTFS journals its names.
  if (process.platform === 'win32') return
  const fd = fs.openSync(path, READ)
  try {
    fs.fsyncSync(fd)
  } catch (error) {
    if (!isUnsupported(error)) throw error
  } finally {
    fs.closeSync(fd)
  }
}

/** As {@link syncDirectorySync}, off the loop. */
export async function syncDirectory(fs: FileSystem, path: DiskPath): Promise<void> {
  if (process.platform === 'win32') return
  const fd = await openDirectory(fs, path)
  try {
    await syncDescriptor(fs, fd)
  } finally {
    await close(fs, fd)
  }
}

/** A directory's descriptor, for {@link syncDescriptor}; to be closed by the caller. */
export function openDirectory(fs: FileSystem, path: DiskPath): Promise<number> {
  return open(fs, path, READ, 0)
}

/** Syncs an open directory. */
export async function syncDescriptor(fs: FileSystem, fd: number): Promise<void> {
  try {
    await sync(fs, fd)
  } catch (error) {
    if (!isUnsupported(error)) throw error
  }
}

/** Makes a file, or a directory with everything in it, durable, from the bottom up. Links and special files have no data. */
export async function syncTree(fs: FileSystem, path: string): Promise<void> {
  const stats = await statsOf(fs, path)
  if (stats.isFile()) return syncFile(fs, path)
  if (!stats.isDirectory()) return
  // Directories in the order found, each before what it holds; so backwards is bottom-up.
  const directories: DiskPath[] = [path]
  for (const directory of directories) {
    const files: DiskPath[] = []
    for (const entry of await entriesOf(fs, directory)) {
      const child = joinPath(directory, entry.name)
      if (entry.isDirectory()) directories.push(child)
      else if (entry.isFile()) files.push(child)
    }
    await atOnce(files, (file) => syncFile(fs, file))
  }
  for (const directory of directories.reverse()) await syncDirectory(fs, directory)
}

/** As bytes, so that a name which is no valid UTF-8 is synced too; as a string where it is one. */
async function entriesOf(fs: FileSystem, directory: DiskPath): Promise<DiskEntry[]> {
  // With withFileTypes every implementation answers with Dirents; the loose interface says unknown.
  const entries = (await fs.promises.readdir(directory, { withFileTypes: true })) as DiskEntry[]
  if (!entries.some((entry) => entry.name.includes('\ufffd'))) return entries
  return (await fs.promises.readdir(directory, { withFileTypes: true, encoding: 'buffer' })) as DiskEntry[]
}

async function atOnce<T>(items: T[], work: (item: T) => Promise<void>): Promise<void> {
  const worker = async (): Promise<void> => {
    for (let item = items.pop(); item !== undefined; item = items.pop()) await work(item)
  }
  const workers = Array.from({ length: Math.min(IN_FLIGHT, items.length) }, worker)
  // All settled first: no descriptor may be open when the caller goes on to remove the tree.
  for (const result of await Promise.allSettled(workers))
    if (result.status === 'rejected') throw result.reason
}

async function syncFile(fs: FileSystem, path: DiskPath): Promise<void> {
  const fd = await openForSync(fs, path)
  try {
    await sync(fs, fd)
  } finally {
    await close(fs, fd)
  }
}

/** Windows flushes only what is open for writing; elsewhere a file may be write-only. Its mode is the user's. */
async function openForSync(fs: FileSystem, path: DiskPath): Promise<number> {
  const [first, second] = process.platform === 'win32' ? [WRITE, READ] : [READ, WRITE]
  try {
    return await open(fs, path, first, 0)
  } catch (error) {
    if (errnoOf(error) !== 'EACCES' && errnoOf(error) !== 'EPERM') throw error
    return await open(fs, path, second, 0)
  }
}

/** Some file systems (FUSE, CIFS) cannot sync a directory and say EINVAL; nothing more can be asked of them. */
function isUnsupported(error: unknown): boolean {
  const errno = errnoOf(error)
  return errno === 'EINVAL' || errno === 'ENOTSUP' || errno === 'ENOSYS'
}
