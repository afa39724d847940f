// Types of the files and directories that a user holds, and of receiving into a file.

import type { ChildProcess } from 'node:child_process'
import type { FileHandle } from 'node:fs/promises'
import type { Readable, Writable } from 'node:stream'
import type { FileOptions } from '../input/file-options.ts'
import type { Size } from '../input/units.ts'
import type { ByteSource, Progress, WriteResult } from './bytes.ts'
import type { HandOffOptions, Json } from './handoff.ts'

/**
 * Options of {@link TempEntry.persist}.
 * @category Creating and receiving
 */
export interface PersistOptions {
  /** Replace an existing destination. Default true; false refuses it atomically: ERR_TEMP_EXISTS. */
  overwrite?: boolean | undefined
  /** Sync data and directories to the disk before resolving, so that it survives a power cut. Default true. */
  durable?: boolean | undefined
  /** Permission bits of the destination. Default: those of the temporary file or directory (0600 and 0700). */
  mode?: number | undefined
  /** Create the missing directories above the destination, with the permissions that the umask leaves. Default false. */
  makeParents?: boolean | undefined
}

/**
 * A temporary file or directory.
 * @category Creating and receiving
 */
export interface TempEntry extends Disposable, AsyncDisposable {
  readonly kind: 'file' | 'dir'
  /** Absolute path, from creation on, independent of the working directory. */
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
   * ERR_TEMP_REMOVED, ERR_TEMP_CLOSED, ERR_TEMP_SESSION_LOST, ERR_TEMP_OPTION_INVALID
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
   * As {@link persist}, synchronously, and on one device only: it cannot copy. Not for claims, and not for what was
   * adopted in place.
   * @throws ERR_TEMP_EXISTS, ERR_TEMP_NO_SPACE, ERR_TEMP_IO (also: the destination is on another device),
   * ERR_TEMP_REMOVED, ERR_TEMP_CLOSED, ERR_TEMP_SESSION_LOST, ERR_TEMP_OPTION_INVALID
   * @example
   * ```ts
   * import { mkdtempSync, writeFileSync } from 'node:fs'
   * import { join } from 'node:path'
   * import { tmpdir } from 'node:os'
   * import { getTempManager } from 'temp-file-manager'
   *
   * const folder = mkdtempSync(join(tmpdir(), 'mine-'))
   * using file = getTempManager().file('.txt')
   * writeFileSync(file.path, 'kept')
   * console.log(file.persistSync(join(folder, 'new/kept.txt'), { makeParents: true }))
   * ```
   */
  persistSync(destination: string, options?: PersistOptions): string
  /**
   * Publishes it for another part of the program or another process, and returns the ticket to claim it with. It
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
  handOff<M = Json>(options?: HandOffOptions<M>): Promise<string>
}

/**
 * A temporary file.
 * @category Creating and receiving
 */
export interface TempFile extends TempEntry {
  readonly kind: 'file'
  /**
   * Replaces its content by what `source` gives, in constant memory. A write that fails, or that a rule refuses, leaves an
   * empty file.
   * @throws the codes of {@link TempFileManager.receive}; ERR_TEMP_IO while another write() runs
   */
  write(source: ByteSource, options?: ReceiveOptions): Promise<WriteResult>
  /** A stream of its content, destroyed when the file is removed; one that is open reads on after persist() and handOff(). Options as of `fs.createReadStream`. @throws ERR_TEMP_REMOVED, ERR_TEMP_CLOSED, ERR_TEMP_OPTION_INVALID */
  createReadStream(options?: ReadStreamOptions): Readable
  /** A stream into it, destroyed when the file is removed. Options as of `fs.createWriteStream`. @throws ERR_TEMP_REMOVED, ERR_TEMP_CLOSED, ERR_TEMP_OPTION_INVALID */
  createWriteStream(options?: WriteStreamOptions): Writable
  /** A file handle, closed when the file is removed. `flags` as of `fs.open`, default 'r+'. @throws ERR_TEMP_IO, ERR_TEMP_REMOVED, ERR_TEMP_CLOSED, ERR_TEMP_OPTION_INVALID */
  open(flags?: string | number): Promise<FileHandle>
  /** A Blob over the file, read when it is read; only while the file is there. @throws ERR_TEMP_IO, ERR_TEMP_REMOVED, ERR_TEMP_CLOSED, ERR_TEMP_OPTION_INVALID */
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
  /** 'w' (default) replaces the content, 'a' appends, 'r+' overwrites from `start`. */
  flags?: string | undefined
  /** Position of the first byte; needs flags 'r+'. */
  start?: number | undefined
  encoding?: BufferEncoding | undefined
  /** Bytes buffered before write() asks to wait; default 16 KiB. */
  highWaterMark?: number | undefined
  signal?: AbortSignal | undefined
}

/**
 * A temporary file that was received, with what was learnt on the way; a later write() does not change that.
 * @category Creating and receiving
 */
export interface ReceivedFile extends TempFile, WriteResult {}

/**
 * Options of {@link TempDir.env}.
 * @category Creating and receiving
 */
export interface ChildEnvironmentOptions {
  /**
   * On Linux and macOS a link to the directory in place of its path, which ends in a slash: for programs that create unix
   * sockets, whose paths have at most 107 bytes (unix(7)): Chromium, tmux, Python's `multiprocessing`. Default false.
   */
  readonly short?: boolean | undefined
}

/**
 * Environment variables that tell a child program where to put its temporary files: those of POSIX, Windows and Node.
 * @category Creating and receiving
 */
export type ChildEnvironment = Readonly<Record<'TMPDIR' | 'TMP' | 'TEMP', string>> // no interface fits NodeJS.ProcessEnv

/**
 * A temporary directory.
 * @category Creating and receiving
 */
export interface TempDir extends TempEntry {
  readonly kind: 'dir'
  /**
   * A path inside the directory. Segments may hold separators; symbolic links are not resolved.
   * @throws ERR_TEMP_NAME_INVALID when it would leave the directory or holds a NUL
   */
  join(...segments: string[]): string
  /**
   * The environment variables that make a child program put its temporary files here:
   * `spawn(command, args, { env: { ...process.env, ...dir.env() } })`. The files of a killed child are removed with the
   * directory.
   * @throws ERR_TEMP_OPTION_INVALID, ERR_TEMP_REMOVED, ERR_TEMP_CLOSED
   * @example
   * ```ts
   * import { execFileSync } from 'node:child_process'
   * import { getTempManager } from 'temp-file-manager'
   *
   * using dir = getTempManager().dir()
   * execFileSync('mktemp', { env: { ...process.env, ...dir.env() } }) // the file is removed with `dir`
   * ```
   */
  env(options?: ChildEnvironmentOptions): ChildEnvironment
  /**
   * Starts a child that keeps this directory, with everything in the manager's session, after the death of this process:
   * the child inherits the lease, a socket that the kernel closes when the last process that has it ends. Then a sweep
   * removes the directory. Inside this process nothing changes: the end of the scope, `remove()` and `close()` remove the
   * directory although the child lives; the exit of the process does not.
   *
   * A program that closes the descriptors it did not open gives the lease up (sudo, daemons); children of a shell have it,
   * children of Node and of Python's subprocess do not.
   * @param start called with the lease's descriptor, which the child must inherit by `stdio`; returns the child
   * @returns the child
   * @throws ERR_TEMP_OPTION_INVALID when the child did not inherit it (the child is killed), ERR_TEMP_IO where no lease can
   * be passed on (Windows, an injected file system, a file system without sockets; `start` is not called),
   * ERR_TEMP_REMOVED, ERR_TEMP_CLOSED; what `start` throws
   * @example
   * ```ts
   * import { spawn } from 'node:child_process'
   * import { once } from 'node:events'
   * import { getTempManager } from 'temp-file-manager'
   *
   * using dir = getTempManager().dir()
   * const child = dir.holdFor((lease) =>
   *   spawn('mktemp', { env: { ...process.env, ...dir.env() }, stdio: ['ignore', 'ignore', 'inherit', lease] }),
   * )
   * await once(child, 'exit')
   * ```
   */
  holdFor<C extends ChildProcess>(start: (lease: number) => C): C
}

/**
 * The digest of a whole file.
 * @category Creating and receiving
 */
export interface ExpectedDigest {
  /** Any name in `crypto.getHashes()`, for example 'sha256'. */
  readonly algorithm: string
  /** In hex. */
  readonly value: string
}

/**
 * Options of {@link TempFileManager.receive} and {@link TempFile.write}.
 * @category Creating and receiving
 */
export interface ReceiveOptions extends FileOptions {
  /** The most bytes; one more is ERR_TEMP_TOO_LARGE. */
  readonly maxBytes?: Size | undefined
  /** Exactly so many bytes must come (a Content-Length): fewer are ERR_TEMP_TRUNCATED, more ERR_TEMP_TOO_LARGE. */
  readonly expectedBytes?: number | undefined
  /** Aborting it fails the receive with ERR_TEMP_ABORTED; with ERR_TEMP_TIMEOUT for `AbortSignal.timeout`. */
  readonly signal?: AbortSignal | undefined
  /** A digest to compute on the way: any name in `crypto.getHashes()`. */
  readonly hash?: 'sha256' | (string & {}) | undefined
  /**
   * Called at most ten times a second, and once more when all bytes are written. An error that it throws fails the receive; so
   * does a promise that it returns and that rejects, for which the end of the receive waits.
   */
  readonly onProgress?: ((progress: Progress) => void) | undefined
  /** The rules for the file; see {@link FileRules}. */
  readonly accept?: FileRules | undefined
  /** The digest that the content must have; another one is ERR_TEMP_TRUNCATED and leaves nothing. */
  readonly expectedDigest?: ExpectedDigest | undefined
  /** The sender's declaration about the file, for `accept`; default: `name` or `suffix`, and no type. */
  readonly declared?: { readonly name?: string | undefined; readonly type?: string | undefined } | undefined
  /**
   * On failure, pause a Node stream instead of destroying it, and release a web stream instead of cancelling it: for a
   * request whose remaining body you read yourself. Default false. Not needed to answer the client: a server's request
   * is always destroyed without its connection.
   */
  readonly keepSource?: boolean | undefined
}

/**
 * The rules for a file. Stages, each refusing as early as it can: `extensions` and the declared type before the
 * first byte; the signature (file-type, first 4 KB) before a byte is written; `minBytes` and `maxBytes` while
 * streaming; `validate` on the whole file.
 *
 * If `extensions` or `types` are given, a file needs a signature that fits both them and its own extension. Of an extension
 * that is rare only the kind is compared (a picture named `.exe` or `.php` is refused), and an unknown one, such as `.bak`,
 * fits every file: give `extensions` if the name must be one of a list. Text has none (.srt, .csv): it passes by its
 * extension only where its type is listed in `types`, word for word (`'text/*'` does as well), and its beginning holds no
 * zero byte.
 *
 * @example
 * ```ts
 * import type { FileRules } from 'temp-file-manager'
 *
 * const subtitles: FileRules = { extensions: ['.srt', '.vtt'], types: ['application/x-subrip', 'text/vtt'], maxBytes: '2mb' }
 * ```
 * @category Creating and receiving
 */
export interface FileRules {
  /** Allowed extensions, with or without the dot, in any case. */
  readonly extensions?: readonly string[] | undefined
  /** Allowed media types; `'video/*'` allows a kind. Default: those of `extensions`. */
  readonly types?: readonly string[] | undefined
  /** The least bytes; fewer are ERR_TEMP_TOO_SMALL. */
  readonly minBytes?: Size | undefined
  /** The most bytes; more are ERR_TEMP_TOO_LARGE. */
  readonly maxBytes?: Size | undefined
  /**
   * Called with the whole file before anyone else gets it; throws to refuse it; `file.remove()` refuses it too. The place for a
   * virus scanner. It must not change the file: ERR_TEMP_IO if another size shows that, because `bytes` and `digest` are
   * known already. An abort (the option `signal`, the end of the scope or manager) ends the wait for it: the file is
   * refused, what it answers later is ignored. Give the scanner a time limit by `signal: AbortSignal.timeout(ms)`.
   */
  readonly validate?: ((file: TempFile) => Promise<void> | void) | undefined
}
