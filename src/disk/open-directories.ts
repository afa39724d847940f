// Directories of a tree that another user may change while it is read, copied or removed.
// Guarantee: each is opened through its parent's descriptor (O_DIRECTORY | O_NOFOLLOW) and addressed as
// /proc/self/fd/<n>, so a directory exchanged for a link is never followed, and no path is too long.
// Without /proc, or where Node's permission model denies it, plain paths are used and a directory that others can write
// is refused. In memory and on Windows plain paths are used.

import { constants } from 'node:fs'
import { TempFileError } from '../errors.ts'
import { closeSync } from './descriptors.ts'
import type { DiskPath, DiskStats, FileSystem } from './file-system.ts'
import { hasOwners, isSticky, othersCanWrite } from './ownership.ts'
import { isSameFile, joinPath } from './paths.ts'
import { mayWrite } from './permission.ts'

const { O_RDONLY, O_DIRECTORY = 0, O_NOFOLLOW = 0, O_NONBLOCK = 0 } = constants
/** Opens a name without access to what it names; not in node:constants. */
const O_PATH = 0o10000000
const OPEN_DIRECTORY = O_RDONLY | O_DIRECTORY | O_NONBLOCK

/** Descriptors held at a time; a directory further up is opened again, from its parent, when it is needed. */
const MAX_OPEN = 64

/** A directory that was opened once; it stays the same one, or using it throws. */
export interface Directory {
  readonly parent: Directory | undefined
  readonly name: string | Buffer
  /** For messages, and the address where descriptors are not used. */
  readonly path: DiskPath
  /** As it was when it was opened. */
  readonly stats: DiskStats
}

export class OpenDirectories {
  readonly #fs: FileSystem
  /** In the order of their last use. */
  readonly #descriptors = new Map<Directory, number>()
  /** Undefined until the first directory is opened. */
  #byDescriptor: boolean | undefined

  constructor(fs: FileSystem) {
    this.#fs = fs
    if (!hasOwners(fs)) this.#byDescriptor = false
  }

  /** Opens the first directory of a tree. `follow`: it may be reached through a link. Throws the system's error, or ERR_TEMP_IO. */
  open(path: DiskPath, follow = false): Directory {
    return this.#register(undefined, path, path, follow)
  }

  /** Opens a subdirectory. Throws the system's error (ENOTDIR or ELOOP: it is not a directory), or ERR_TEMP_IO. */
  enter(parent: Directory, name: string | Buffer): Directory {
    return this.#register(parent, name, joinPath(parent.path, name), false)
  }

  /** The address of the directory, valid until {@link MAX_OPEN} others are used. Throws if it was exchanged. */
  pathOf(directory: Directory): DiskPath {
    const fd = this.descriptorOf(directory)
    return fd === undefined ? directory.path : `/proc/self/fd/${fd}`
  }

  /** Its descriptor; undefined where descriptors are not used. Throws if it was exchanged. */
  descriptorOf(directory: Directory): number | undefined {
    if (this.#byDescriptor === false) return undefined
    const open = this.#descriptors.get(directory)
    if (open !== undefined) {
      this.#descriptors.delete(directory)
      this.#descriptors.set(directory, open)
      return open
    }
    const climbed = this.#climb(directory)
    if (climbed !== undefined) return climbed
    const at =
      directory.parent === undefined
        ? directory.path
        : joinPath(this.pathOf(directory.parent), directory.name)
    const fd = this.#openDescriptor(at, directory.parent === undefined)
    this.#descriptors.set(directory, fd)
    if (isSameFile(this.#fs.fstatSync(fd), directory.stats)) return fd
    this.#close(directory)
    throw new TempFileError('ERR_TEMP_IO', 'A directory was exchanged by another user while it was in use.')
  }

  /** Whether directories are addressed by descriptor. False until the first one is open. */
  get byDescriptor(): boolean {
    return this.#byDescriptor === true
  }

  /** Whether another user can change what is in a directory. Never in memory or on Windows. */
  isShared(stats: DiskStats): boolean {
    return hasOwners(this.#fs) && othersCanWrite(stats)
  }

  /** Gives this user full access to a subdirectory of their own, whose mode may even refuse to open it. */
  openUp(parent: Directory, name: string | Buffer): void {
    const fd = this.#fs.openSync(joinPath(this.pathOf(parent), name), O_PATH | O_DIRECTORY | O_NOFOLLOW)
    try {
      this.#fs.chmodSync(`/proc/self/fd/${fd}`, 0o700) // this descriptor cannot be passed to fchmod (open(2), O_PATH)
    } finally {
      closeSync(this.#fs, fd)
    }
  }

  /** Closes the descriptor of a directory that is done; its parent, which is used next, stays in reach. */
  release(directory: Directory): void {
    const { parent } = directory
    if (parent !== undefined && this.#descriptors.has(directory) && !this.#descriptors.has(parent))
      this.#climb(parent)
    this.#close(directory)
  }

  /** Closes all descriptors. */
  close(): void {
    for (const directory of [...this.#descriptors.keys()]) this.#close(directory)
  }

  /**
   * Opens a directory again as '..' of an open subdirectory: from the top, the way back up a tree n levels deep would
   * take n * n / {@link MAX_OPEN} opens. Undefined where no subdirectory is open or '..' is another directory by now.
   */
  #climb(directory: Directory): number | undefined {
    for (const [child, childFd] of this.#descriptors) {
      if (child.parent !== directory) continue
      try {
        const fd = this.#fs.openSync(`/proc/self/fd/${childFd}/..`, OPEN_DIRECTORY | O_NOFOLLOW)
        if (!isSameFile(this.#statsOf(fd), directory.stats)) {
          closeSync(this.#fs, fd)
          return undefined
        }
        this.#makeRoom()
        this.#descriptors.set(directory, fd)
        return fd
      } catch {
        return undefined // it was removed meanwhile; the attempt from the top throws the better error
      }
    }
    return undefined
  }

  #close(directory: Directory): void {
    const fd = this.#descriptors.get(directory)
    if (fd === undefined) return
    this.#descriptors.delete(directory)
    closeSync(this.#fs, fd)
  }

  #register(
    parent: Directory | undefined,
    name: string | Buffer,
    path: DiskPath,
    follow: boolean,
  ): Directory {
    const at = parent === undefined ? path : joinPath(this.pathOf(parent), name)
    if (this.#byDescriptor === false) return this.#examine(parent, name, path, follow)
    const fd = this.#openDescriptor(at, follow)
    const directory = { parent, name, path, stats: this.#statsOf(fd) }
    this.#byDescriptor ??= this.#isAddressable(fd, directory.stats)
    if (this.#byDescriptor) {
      this.#descriptors.set(directory, fd)
      return directory
    }
    closeSync(this.#fs, fd)
    return this.#examine(parent, name, path, follow)
  }

  #statsOf(fd: number): DiskStats {
    try {
      return this.#fs.fstatSync(fd)
    } catch (error) {
      closeSync(this.#fs, fd)
      throw error
    }
  }

  #openDescriptor(at: DiskPath, follow: boolean): number {
    this.#makeRoom()
    return this.#fs.openSync(at, OPEN_DIRECTORY | (follow ? 0 : O_NOFOLLOW))
  }

  /** Closes the descriptor that was used longest ago, if there are as many as may be held. */
  #makeRoom(): void {
    const [oldest] = this.#descriptors.keys()
    if (oldest !== undefined && this.#descriptors.size >= MAX_OPEN) this.#close(oldest)
  }

  /** Whether /proc/self/fd is mounted, leads to the same directory and may be written through. */
  #isAddressable(fd: number, stats: DiskStats): boolean {
    try {
      if (!mayWrite('/proc/self/fd/')) return false
      return isSameFile(this.#fs.lstatSync(`/proc/self/fd/${fd}/.`), stats)
    } catch {
      return false
    }
  }

  /** A directory by its path, in memory, on Windows, or where only this user and root can change it. */
  #examine(parent: Directory | undefined, name: string | Buffer, path: DiskPath, follow: boolean): Directory {
    const stats = follow ? this.#fs.statSync(path.toString()) : this.#fs.lstatSync(path)
    if (!stats.isDirectory()) throw Object.assign(new Error('not a directory'), { code: 'ENOTDIR' })
    if (this.isShared(stats) && !isSticky(stats)) throw sharedError(path)
    return { parent, name, path, stats }
  }
}

function sharedError(path: DiskPath): TempFileError {
  return new TempFileError(
    'ERR_TEMP_IO',
    "Other users can change a directory on the way, and without /proc/self/fd that cannot be made safe. Mount /proc, or use a directory that only this user can write. Node's permission model also denies /proc/self/fd.",
    { path: path.toString() },
  )
}
