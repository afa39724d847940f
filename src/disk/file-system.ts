// The file system that the library uses: node:fs by default, or one that a user injects (memfs). Guarantee:
// every disk access of the core goes through this interface, and methods are looked up at the call, so that a wrapper
// sees each one. Deliberately loose: only the members that are used, so that both satisfy it.

import type { Readable, Writable } from 'node:stream'

/** A path as given to the system; a Buffer where a name is not valid UTF-8. */
export type DiskPath = string | Buffer

/** The members of a stat that are used. */
export interface DiskStats {
  readonly dev: number
  readonly ino: number
  readonly mode: number
  readonly uid: number
  readonly nlink: number
  readonly size: number
  readonly ctimeMs: number
  readonly mtimeMs: number
  readonly atimeMs: number
  isFile(): boolean
  isDirectory(): boolean
  isSymbolicLink(): boolean
  isSocket(): boolean
}

/** The members of a bigint stat that are used: identity without rounding. */
export interface DiskIdentity {
  readonly dev: bigint
  readonly ino: bigint
  readonly mode: bigint
}

/** One entry of a directory; its name is a Buffer where the listing was asked for as Buffers. */
export interface DiskEntry {
  readonly name: string | Buffer
  isFile(): boolean
  isDirectory(): boolean
}

/** A directory that is read in pieces, so that a hundred thousand entries are never held at once. */
export interface DiskDirectory {
  readSync(): DiskEntry | null
  closeSync(): void
  read(): Promise<DiskEntry | null>
  close(): Promise<void>
}

/** The promises part: the same calls through the thread pool. */
export interface FileSystemPromises {
  /** Resolves with {@link DiskStats}; `unknown`, because memfs declares bigints too. */
  lstat(path: DiskPath): Promise<unknown>
  realpath(path: string): Promise<string | Buffer>
  readdir(path: DiskPath, options?: object): Promise<unknown[]>
  opendir(path: DiskPath, options?: object): Promise<DiskDirectory>
  open(path: DiskPath, flags: number | string): Promise<unknown>
  readFile(path: string): Promise<string | Buffer>
  mkdir(path: string, options: { recursive?: boolean; mode: number }): Promise<unknown>
  unlink(path: DiskPath): Promise<void>
  rmdir(path: DiskPath): Promise<void>
  rename(from: DiskPath, to: DiskPath): Promise<void>
  readlink(path: DiskPath, options: { encoding: 'buffer' }): Promise<string | Buffer>
  symlink(target: string | Buffer, path: DiskPath): Promise<void>
  chmod(path: DiskPath, mode: number): Promise<void>
  utimes(path: DiskPath, atime: number, mtime: number): Promise<void>
}

// Both optional, because memfs declares them so.
type Callback<T = void> = (error?: NodeJS.ErrnoException | null, value?: T) => void

/**
 * The part of `node:fs` that the library uses. `node:fs` itself, `memfs.fs` and wrappers around them fit.
 *
 * @example
 * ```ts
 * import { fs } from 'memfs'
 * import { TempFileManager } from 'temp-file-manager'
 *
 * using manager = new TempFileManager({ fs, baseDir: '/tmp' })
 * using file = manager.file('.txt')
 * console.log(file.path.startsWith('/tmp/')) // true
 * ```
 */
export interface FileSystem {
  /** Set by a wrapper around `node:fs`: what it shows is the real disk, so the kernel's own facts apply to it. */
  readonly native?: boolean | undefined
  openSync(path: DiskPath, flags: number, mode?: number): number
  closeSync(fd: number): void
  writeSync(fd: number, data: Uint8Array, offset?: number, length?: number, position?: number): number
  readSync(fd: number, buffer: Uint8Array, offset: number, length: number, position: number | null): number
  fsyncSync(fd: number): void
  ftruncateSync(fd: number, length: number): void
  fstatSync(fd: number): DiskStats
  fchmodSync(fd: number, mode: number): void
  lstatSync(path: DiskPath): DiskStats
  lstatSync(path: DiskPath, options: { bigint: true }): DiskIdentity
  lstatSync(path: DiskPath, options: { throwIfNoEntry: false }): DiskStats | undefined
  statSync(path: string): DiskStats
  chmodSync(path: DiskPath, mode: number): void
  utimesSync(path: DiskPath, atime: number, mtime: number): void
  mkdirSync(path: DiskPath, options: { recursive?: boolean; mode: number }): unknown
  rmdirSync(path: DiskPath): void
  unlinkSync(path: DiskPath): void
  renameSync(from: DiskPath, to: DiskPath): void
  futimesSync(fd: number, atime: number, mtime: number): void
  linkSync(from: string, to: string): void
  /** Names; with `withFileTypes` {@link DiskEntry}s. */
  readdirSync(path: DiskPath, options?: object): unknown[]
  opendirSync(path: DiskPath, options?: object): DiskDirectory
  readonly realpathSync: {
    (path: string): string | Buffer
    /** realpath(3). Optional: a wrapper may have none. */
    readonly native?: ((path: string) => string | Buffer) | undefined
  }
  open(path: DiskPath, flags: number, mode: number, callback: Callback<number>): void
  close(fd: number, callback: Callback): void
  fsync(fd: number, callback: Callback): void
  write(
    fd: number,
    buffer: Uint8Array,
    offset: number,
    length: number,
    position: number | null,
    callback: Callback<number>,
  ): void
  unlink(path: DiskPath, callback: Callback): void
  /** Free space; optional, because memfs has none. Needed for `limits.minFreeBytes` only. */
  statfs?(
    path: string,
    callback: Callback<{
      readonly bavail: number | bigint
      readonly bsize: number | bigint
      /** 0: the file system has no size. */
      readonly blocks?: number | bigint | undefined
    }>,
  ): void
  createReadStream(path: string, options?: object): Readable
  createWriteStream(path: string, options?: object): Writable
  openAsBlob?(path: string, options?: { type?: string }): Promise<Blob>
  readonly promises: FileSystemPromises
}
