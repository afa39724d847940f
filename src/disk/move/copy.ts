// Copies between file systems, from descriptor to descriptor. Guarantee: contents, modes and times are as they
// were, nothing but files, directories and links is read, no exchanged link is followed, and a copy has modes 0600
// and 0700 until it is complete. A file of another user loses its set-id bits.

import { constants } from 'node:fs'
import { TempFileError } from '../../errors.ts'
import { platform } from '../../platform/index.ts'
import { onDemand } from '../../runtime/load-on-demand.ts'
import { close, closeWritten, open as openFile, sync } from '../descriptors.ts'
import type { DiskPath, DiskStats, FileSystem } from '../file-system.ts'
import { setModeOf, setTimesOf } from '../metadata.ts'
import type { Directory, OpenDirectories } from '../open-directories.ts'
import { isRealDisk } from '../ownership.ts'
import { isSameFile, joinPath, readEntries, statsOf } from '../paths.ts'
import { syncDescriptor } from '../sync.ts'
import { cloneOrCopy, copyDescriptor } from './copy-bytes.ts'

const { O_RDONLY, O_WRONLY, O_CREAT, O_EXCL, O_NOFOLLOW = 0, O_NONBLOCK = 0 } = constants
/** Nonblocking: a FIFO that took the place of a file must not wait for a writer. */
const READ = O_RDONLY | O_NOFOLLOW | O_NONBLOCK
/** O_EXCL also refuses a link at the name (open(2)). */
const CREATE = O_WRONLY | O_CREAT | O_EXCL

/** A name in an open directory. */
export interface Spot {
  readonly directory: Directory
  readonly name: string | Buffer
}

/** The tools and settings of a copy. */
export interface CopyTools {
  readonly fs: FileSystem
  readonly open: OpenDirectories
  /** Sync each file and directory of the copy. */
  readonly durable: boolean
}

interface Pair {
  readonly from: Directory
  readonly to: Directory
  /** Subdirectories still to be copied. */
  readonly names: (string | Buffer)[]
}

export function addressOf({ open }: CopyTools, spot: Spot): DiskPath {
  return joinPath(open.pathOf(spot.directory), spot.name)
}

/** Refuses a spot in another directory than the expected one. @throws ERR_TEMP_IO */
export function requireHolder(
  { directory }: Spot,
  holder: { readonly dev: number; readonly ino: number } | undefined,
): void {
  if (holder !== undefined && !isSameFile(directory.stats, holder)) throw exchangedError()
}

/** Copies a file, link or directory to a name that does not exist. The caller removes what a failure leaves. */
export async function copyAcross(tools: CopyTools, from: Spot, to: Spot): Promise<void> {
  const { fs, open, durable } = tools
  if (!isRealDisk(fs)) {
    throw new TempFileError(
      'ERR_TEMP_IO',
      'An injected file system cannot copy to another device. Choose a place on the same device.',
    )
  }
  const stats = await statsOf(fs, addressOf(tools, from))
  if (!stats.isDirectory()) return copyLeaf(tools, from, to, stats)
  const top = await copyDirectory(tools, from, to, stats)
  // Depth first, on an explicit stack; a directory gets its mode and times when everything in it is copied.
  const stack = [top]
  for (let pair = stack.at(-1); pair !== undefined; pair = stack.at(-1)) {
    const name = pair.names.pop()
    if (name !== undefined) {
      const child = { directory: pair.from, name }
      const found = await statsOf(fs, addressOf(tools, child))
      refuseMount(found, stats)
      stack.push(await copyDirectory(tools, child, { directory: pair.to, name }, found))
      continue
    }
    const fd = open.descriptorOf(pair.to)
    setTimesOf(fs, fd, open.pathOf(pair.to), pair.from.stats)
    setModeOf(fs, fd, open.pathOf(pair.to), keptBits(pair.from.stats))
    if (durable && fd !== undefined) await syncDescriptor(fs, fd)
    for (const directory of [pair.from, pair.to]) open.release(directory)
    stack.pop()
  }
}

/** Makes the copy of a directory and fills it, except for its subdirectories. */
async function copyDirectory(tools: CopyTools, from: Spot, to: Spot, stats: DiskStats): Promise<Pair> {
  const { fs, open } = tools
  const source = open.enter(from.directory, from.name)
  if (!isSameFile(source.stats, stats)) throw exchangedError()
  fs.mkdirSync(addressOf(tools, to), { mode: 0o700 })
  const pair: Pair = { from: source, to: open.enter(to.directory, to.name), names: [] }
  for (const entry of await readEntries(fs, open.pathOf(source))) {
    const { name } = entry
    const child = { directory: source, name }
    if (entry.isDirectory()) pair.names.push(name)
    else
      await copyLeaf(tools, child, { directory: pair.to, name }, await statsOf(fs, addressOf(tools, child)))
  }
  return pair
}

function refuseMount(found: DiskStats, top: DiskStats): void {
  if (found.dev === top.dev) return
  throw new TempFileError(
    'ERR_TEMP_IO',
    'The directory holds a mount point, which cannot be moved. Unmount it first.',
  )
}

/** One at a time, so that nothing is still being written when the caller removes what a failure left. */
async function copyLeaf(tools: CopyTools, from: Spot, to: Spot, stats: DiskStats): Promise<void> {
  const { fs } = tools
  if (stats.isSymbolicLink()) {
    const target = await fs.promises.readlink(addressOf(tools, from), { encoding: 'buffer' })
    await fs.promises.symlink(target, addressOf(tools, to))
    return
  }
  // A device would be read for ever, a FIFO would never answer.
  if (!stats.isFile()) {
    throw new TempFileError(
      'ERR_TEMP_IO',
      'A socket, FIFO or device cannot be moved to another device. Remove it first.',
    )
  }
  const source = await openFile(fs, addressOf(tools, from), READ, 0)
  try {
    const found = fs.fstatSync(source)
    if (!isSameFile(found, stats)) throw exchangedError()
    const target = await openFile(fs, addressOf(tools, to), CREATE, 0o600)
    let written = false
    try {
      await copyBytes(tools, { fd: source, spot: from }, { fd: target, spot: to })
      setTimesOf(fs, target, addressOf(tools, to), found)
      setModeOf(fs, target, addressOf(tools, to), keptBits(found))
      if (tools.durable) await sync(fs, target)
      written = true
    } finally {
      await (written ? closeWritten(fs, target) : close(fs, target))
    }
  } finally {
    await close(fs, source)
  }
}

interface OpenFile {
  readonly fd: number
  readonly spot: Spot
}

const fsExtra = onDemand(() => import('fs-extra'))

/** In the kernel where it can (a clone, copy_file_range). fs-extra waits when no descriptor is left. */
async function copyBytes(tools: CopyTools, from: OpenFile, to: OpenFile): Promise<void> {
  if (!platform().copiesOntoOpenFiles) return copyDescriptor(from.fd, to.fd)
  const { default: extra } = await fsExtra()
  const pathOf = ({ fd, spot }: OpenFile): string =>
    tools.open.byDescriptor ? `/proc/self/fd/${fd}` : addressOf(tools, spot).toString()
  await cloneOrCopy(extra.copyFile, pathOf(from), pathOf(to))
}

function keptBits(stats: DiskStats): number {
  return stats.mode & (stats.uid === process.geteuid?.() ? 0o7777 : 0o777)
}

export function exchangedError(): TempFileError {
  return new TempFileError(
    'ERR_TEMP_IO',
    'The file or directory was exchanged by another process while it was moved. Move it to a directory that only this user can write, then try again.',
  )
}
