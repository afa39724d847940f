// Syncs files and directories, so that they survive a power cut. Guarantee: after these return, their contents are on
// the disk, as far as the file system can do that; a descriptor is closed on every way out; no tree is too deep.

import { constants } from 'node:fs'
import { errnoOf, TempFileError } from '../errors.ts'
import { platform } from '../platform/index.ts'
import { close, closeSync, open, sync } from './descriptors.ts'
import type { DiskPath, FileSystem } from './file-system.ts'
import { type Directory, OpenDirectories } from './open-directories.ts'
import { joinPath, readEntriesSync } from './paths.ts'
import { explainDeniedSync, isDenied } from './permission.ts'

// Nonblocking: opening a FIFO that took the place of a file must not wait for a writer.
const { O_RDONLY, O_WRONLY, O_NOFOLLOW = 0, O_NONBLOCK = 0 } = constants
const READ = O_RDONLY | O_NOFOLLOW | O_NONBLOCK
const WRITE = O_WRONLY | O_NOFOLLOW | O_NONBLOCK

/** Files synced concurrently: the journal takes them in one commit; more would only fill the thread pool. */
const IN_FLIGHT = 4

/** Makes the names in a directory durable: after a rename into it or out of it. Throws the system's error, ERR_TEMP_IO. */
export function syncDirectorySync(fs: FileSystem, path: DiskPath): void {
  if (!platform().syncsDirectories) return
  const fd = openDirectorySync(fs, path)
  try {
    syncDescriptorSync(fs, fd)
  } finally {
    closeSync(fs, fd)
  }
}

/**
 * As {@link syncDirectorySync}, for a directory that may be created for work that is not durable: under Node's permission
 * model, which denies every sync, it does nothing.
 */
export function syncDirectoryIfAllowed(fs: FileSystem, path: DiskPath): void {
  try {
    syncDirectorySync(fs, path)
  } catch (error) {
    if (!(error instanceof TempFileError) || !isDenied(error.cause)) throw error
  }
}

/** As {@link syncDirectorySync}, in the thread pool. */
export async function syncDirectory(fs: FileSystem, path: DiskPath): Promise<void> {
  if (!platform().syncsDirectories) return
  const fd = await open(fs, path, READ, 0)
  try {
    await syncDescriptor(fs, fd)
  } finally {
    await close(fs, fd)
  }
}

/** A directory's descriptor, for {@link syncDescriptor}; the caller closes it. */
export function openDirectorySync(fs: FileSystem, path: DiskPath): number {
  return fs.openSync(path, READ)
}

/** Syncs an open directory. */
export async function syncDescriptor(fs: FileSystem, fd: number): Promise<void> {
  try {
    await sync(fs, fd)
  } catch (error) {
    if (!isUnsupported(error)) throw explainDeniedSync(error)
  }
}

/** As {@link syncDescriptor}, on the loop. */
export function syncDescriptorSync(fs: FileSystem, fd: number): void {
  try {
    fs.fsyncSync(fd)
  } catch (error) {
    if (!isUnsupported(error)) throw explainDeniedSync(error)
  }
}

/** Makes a file, or a directory with everything in it, durable, from the bottom up. Links and special files have no data. */
export async function syncTree(fs: FileSystem, path: string): Promise<void> {
  const directories = new OpenDirectories(fs)
  try {
    for (const step of stepsOf(fs, path, directories)) {
      if (step.kind === 'files') await concurrently(step.paths, (file) => syncFile(fs, file))
      else if (step.fd === undefined) await syncDirectory(fs, step.path)
      else await syncDescriptor(fs, step.fd)
    }
  } finally {
    directories.close()
  }
}

/** As {@link syncTree}, on the loop. */
export function syncTreeSync(fs: FileSystem, path: string): void {
  const directories = new OpenDirectories(fs)
  try {
    for (const step of stepsOf(fs, path, directories)) {
      if (step.kind === 'files') for (const file of step.paths) syncFileSync(fs, file)
      else if (step.fd === undefined) syncDirectorySync(fs, step.path)
      else syncDescriptorSync(fs, step.fd)
    }
  } finally {
    directories.close()
  }
}

type Step =
  | { readonly kind: 'files'; readonly paths: DiskPath[] }
  | { readonly kind: 'directory'; readonly path: DiskPath; readonly fd: number | undefined }

/** Yields each entry to sync; a directory comes after everything in it. */
function* stepsOf(fs: FileSystem, path: string, open: OpenDirectories): Generator<Step, void, void> {
  const stats = fs.lstatSync(path)
  if (stats.isFile()) yield { kind: 'files', paths: [path] }
  if (!stats.isDirectory()) return
  const first = listed(fs, open, open.open(path))
  yield { kind: 'files', paths: first.files }
  const stack = [first]
  for (let top = stack.at(-1); top !== undefined; top = stack.at(-1)) {
    const name = top.names.pop()
    if (name !== undefined) {
      const next = listed(fs, open, open.enter(top.directory, name))
      yield { kind: 'files', paths: next.files }
      stack.push(next)
      continue
    }
    yield { kind: 'directory', path: top.directory.path, fd: open.descriptorOf(top.directory) }
    open.release(top.directory)
    stack.pop()
  }
}

interface Listed {
  readonly directory: Directory
  readonly files: DiskPath[]
  /** Subdirectories still to be synced. */
  readonly names: (string | Buffer)[]
}

function listed(fs: FileSystem, open: OpenDirectories, directory: Directory): Listed {
  const at = open.pathOf(directory)
  const found: Listed = { directory, files: [], names: [] }
  for (const entry of readEntriesSync(fs, at)) {
    if (entry.isDirectory()) found.names.push(entry.name)
    else if (entry.isFile()) found.files.push(joinPath(at, entry.name))
  }
  return found
}

async function concurrently<T>(items: T[], work: (item: T) => Promise<void>): Promise<void> {
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
  } catch (error) {
    throw explainDeniedSync(error)
  } finally {
    await close(fs, fd)
  }
}

/** The flags to try in turn: a file may be write-only, because its mode is the user's. */
function syncFlags(): readonly [number, number] {
  return platform().syncsReadOnly ? [READ, WRITE] : [WRITE, READ]
}

async function openForSync(fs: FileSystem, path: DiskPath): Promise<number> {
  const [first, second] = syncFlags()
  try {
    return await open(fs, path, first, 0)
  } catch (error) {
    if (!isRefused(error)) throw error
    return await open(fs, path, second, 0)
  }
}

function syncFileSync(fs: FileSystem, path: DiskPath): void {
  const [first, second] = syncFlags()
  let fd: number
  try {
    fd = fs.openSync(path, first)
  } catch (error) {
    if (!isRefused(error)) throw error
    fd = fs.openSync(path, second)
  }
  try {
    fs.fsyncSync(fd)
  } catch (error) {
    throw explainDeniedSync(error)
  } finally {
    closeSync(fs, fd)
  }
}

function isRefused(error: unknown): boolean {
  const errno = errnoOf(error)
  return errno === 'EACCES' || errno === 'EPERM'
}

/** Some file systems (FUSE, CIFS) cannot sync a directory and answer EINVAL: there is nothing more to do. */
function isUnsupported(error: unknown): boolean {
  const errno = errnoOf(error)
  return errno === 'EINVAL' || errno === 'ENOTSUP' || errno === 'ENOSYS'
}
