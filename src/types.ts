// What a user holds, as types: the contract's interfaces. Implementations stand beside: file.ts, dir.ts,
// claim.ts, scope.ts.

import type { FileHandle } from 'node:fs/promises'
import type { Readable, Writable } from 'node:stream'
import type { HandOffOptions } from './handoff/publish.ts'
import type { DirOptions, FileOptions } from './input/file-options.ts'
import type { ReceiveOptions, WriteResult } from './streams/fill.ts'
import type { Source } from './streams/source.ts'

/** Options of {@link TempEntry.persist}. */
export interface PersistOptions {
  /** Replace what stands at the destination. Default true; false refuses it atomically: ERR_TEMP_EXISTS. */
  overwrite?: boolean | undefined
  /** Sync data and directories to the disk before resolving, so that it survives a power cut. Default true. */
  durable?: boolean | undefined
  /** Permission bits of the destination; default: those of the temp (0600 and 0700). */
  mode?: number | undefined
}

/** A temporary file or directory. */
export interface TempEntry extends Disposable, AsyncDisposable {
  readonly kind: 'file' | 'dir'
  /** Absolute path, from creation on, whatever becomes of the working directory. */
  readonly path: string
  /** The last component of the path: unique across processes, unless an exact `name` was asked for. */
  readonly name: string
  /** True once it is removed, persisted, handed off or released, or its manager is closed. */
  readonly disposed: boolean
  /**
   * Removes it now, off the event loop; open streams and handles are closed first. Idempotent; a failure
   * can be tried again.
   * @throws ERR_TEMP_CLEANUP when the removal failed for two seconds of attempts
   */
  remove(): Promise<void>
  /** As {@link remove}, synchronously. @throws ERR_TEMP_CLEANUP */
  removeSync(): void
  /** The end of its scope no longer removes it: it lives as long as its manager. @throws ERR_TEMP_REMOVED, ERR_TEMP_CLOSED */
  keepUntilClose(): this
  /**
   * Moves it to `destination` for good, across devices too, and returns the absolute path. It appears there
   * whole or not at all; on failure the temp stays as it was.
   * @throws ERR_TEMP_EXISTS (overwrite: false, or a directory in the way), ERR_TEMP_NO_SPACE, ERR_TEMP_IO,
   * ERR_TEMP_REMOVED, ERR_TEMP_CLOSED, ERR_TEMP_OPTION_INVALID
   * @example
   * ```ts
   * import { mkdtempSync } from 'node:fs'
   * import { join } from 'node:path'
   * import { tmpdir } from 'node:os'
   * import { getTempManager } from 'temp-file-manager'
   *
   * const folder = mkdtempSync(join(tmpdir(), 'mine-'))
   * await using file = await getTempManager().receive('kept')
   * console.log(await file.persist(join(folder, 'kept.txt'), { overwrite: false }))
   * ```
   */
  persist(destination: string, options?: PersistOptions): Promise<string>
  /**
   * Publishes it for somebody else, in this or another process, and returns the ticket to claim it with. It
   * outlives this process; on failure the temp stays as it was.
   * @throws ERR_TEMP_OPTION_INVALID (meta, ttl), ERR_TEMP_NO_SPACE, ERR_TEMP_IO (also: a write stream is open),
   * ERR_TEMP_REMOVED, ERR_TEMP_CLOSED, ERR_TEMP_SESSION_LOST
   * @example
   * ```ts
   * import { getTempManager } from 'temp-file-manager'
   *
   * const manager = getTempManager()
   * const file = await manager.receive('work for later')
   * const ticket = await file.handOff({ ttl: '1h', meta: { kind: 'note' } })
   * await manager.withClaim(ticket, (claim) => console.log(claim.meta, claim.path))
   * ```
   */
  handOff(options?: HandOffOptions): Promise<string>
}

/** A temporary file. */
export interface TempFile extends TempEntry {
  readonly kind: 'file'
  /**
   * Replaces its content by what `source` gives, in constant memory.
   * @throws the codes of {@link TempFileManager.receive}
   */
  write(source: Source, options?: ReceiveOptions): Promise<WriteResult>
  /** A stream of its content, destroyed when the file is removed. Options as of `fs.createReadStream`. @throws ERR_TEMP_REMOVED, ERR_TEMP_CLOSED */
  createReadStream(options?: ReadStreamOptions): Readable
  /** A stream into it, destroyed when the file is removed. Options as of `fs.createWriteStream`. @throws ERR_TEMP_REMOVED, ERR_TEMP_CLOSED */
  createWriteStream(options?: WriteStreamOptions): Writable
  /** A file handle, closed when the file is removed. `flags` as of `fs.open`, default 'r+'. @throws ERR_TEMP_IO, ERR_TEMP_REMOVED, ERR_TEMP_CLOSED */
  open(flags?: string | number): Promise<FileHandle>
  /** A Blob over the file, read when it is read; only while the file is there. @throws ERR_TEMP_IO, ERR_TEMP_REMOVED, ERR_TEMP_CLOSED */
  blob(options?: { type?: string | undefined }): Promise<Blob>
  /** Its size in bytes. @throws ERR_TEMP_IO, ERR_TEMP_REMOVED, ERR_TEMP_CLOSED */
  size(): Promise<number>
}

export interface ReadStreamOptions {
  /** First byte to read, counted from 0. */
  start?: number | undefined
  /** Last byte to read, inclusive. */
  end?: number | undefined
  encoding?: BufferEncoding | undefined
  /** Bytes read at once; default 64 KiB. */
  highWaterMark?: number | undefined
  signal?: AbortSignal | undefined
}

export interface WriteStreamOptions {
  /** 'w' (default) begins anew, 'a' appends, 'r+' writes over. */
  flags?: string | undefined
  /** Position of the first byte; needs flags 'r+'. */
  start?: number | undefined
  encoding?: BufferEncoding | undefined
  /** Bytes buffered before write() asks to wait; default 16 KiB. */
  highWaterMark?: number | undefined
  signal?: AbortSignal | undefined
}

/** A temporary file that was received, with what was learnt on the way; a later write() does not change that. */
export interface ReceivedFile extends TempFile, WriteResult {}

/** A temporary directory. */
export interface TempDir extends TempEntry {
  readonly kind: 'dir'
  /**
   * A path inside the directory. Segments may hold separators; symbolic links are not resolved.
   * @throws ERR_TEMP_NAME_INVALID when it would leave the directory or holds a NUL
   */
  join(...segments: string[]): string
}

/** A claimed handoff: exclusively ours until completed or released. */
export type Claim<M = unknown> = (TempFile | TempDir) & ClaimMembers<M>

/** What a claim has beyond a file or directory. */
export interface ClaimMembers<M> {
  readonly ticket: string
  /** What the publisher said of it. */
  readonly meta: M
  /** 1 for the first claimant, 2 after one released it or died, and so on. */
  readonly attempt: number
  /** Done: deletes it. Idempotent; the same as remove(). @throws ERR_TEMP_CLEANUP, ERR_TEMP_IO */
  complete(): Promise<void>
  /** Gives it back for another attempt; also what leaving the scope does. @throws ERR_TEMP_IO, ERR_TEMP_REMOVED */
  release(): Promise<void>
}

/** A group of temps that are disposed together, last made first. */
export interface TempScope extends AsyncDisposable {
  /** As {@link TempFileManager.file}; removed when the scope ends. */
  file(options?: string | FileOptions): TempFile
  dir(options?: string | DirOptions): TempDir
  fileAsync(options?: string | FileOptions): Promise<TempFile>
  dirAsync(options?: string | DirOptions): Promise<TempDir>
  receive(source: Source, options?: ReceiveOptions): Promise<ReceivedFile>
  adopt(path: string, options?: AdoptOptions): Promise<TempFile | TempDir>
  /** Released when the scope ends, unless it was completed. */
  claim<M = unknown>(ticket: string): Promise<Claim<M>>
  /** Runs `fn` when the scope ends, in its place in the order. */
  defer(fn: () => Promise<void> | void): void
  /** Aborts as the disposal begins; later calls throw ERR_TEMP_CLOSED. */
  readonly signal: AbortSignal
  /** Ends the scope, for those without `using`. Idempotent; rejects with what a deferred function threw. */
  close(): Promise<void>
}

/** Options of {@link TempFileManager.adopt}. */
export interface AdoptOptions {
  /** Leave it where it is, and only remove it with its scope, at close and at exit: no sweep covers it. Default false. */
  inPlace?: boolean | undefined
}
