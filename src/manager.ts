// TempFileManager: takes the options, wires the rooms, and holds no logic of its own.

import { checkTicket, goneError } from './claimable/handoff-record.ts'
import { type Context, type Counters, newCounters } from './context.ts'
import { optionError } from './errors.ts'
import { prepareRules } from './file-types/file-rules.ts'
import { claim, type Purpose, retry } from './handoff/claim.ts'
import type { HeldClaim } from './handoff/held-claim.ts'
import type { HandoffInfo } from './handoff/info.ts'
import { inspectHandoff, listHandoffs } from './handoff/list.ts'
import type { DirOptions, FileOptions } from './input/file-options.ts'
import { constantOr, oneOf, optionsOf } from './input/options.ts'
import { isTicket, layoutOf } from './layout.ts'
import { Lifecycle } from './lifecycle.ts'
import { DEFAULT_KEEP, resolveOptions, type TempFileManagerOptions } from './manager-options.ts'
import { Quota } from './quota.ts'
import { keepFailed as keepEntries } from './removal/kept.ts'
import { joinSignals } from './runtime/abort.ts'
import { asyncDispose, dispose, disposing } from './runtime/dispose.ts'
import { checkRoot } from './session/root.ts'
import { openIntake } from './streams/intake.ts'
import { checkReceiveOptions } from './streams/receive-options.ts'
import type { SweepReport } from './sweep/report.ts'
import { checkSweepOptions, type SweepOptions } from './sweep/sweep-options.ts'
import { measureRoot, type RootUsage } from './sweep/usage.ts'
import { adopt, pathOf } from './temps/adopt.ts'
import { checkFile } from './temps/check-file.ts'
import { claimEntry } from './temps/claimed-entry.ts'
import { createFile, createFileAsync, receiveFile } from './temps/create.ts'
import { createDir, createDirAsync } from './temps/dir.ts'
import { Namer } from './temps/naming.ts'
import { type Maker, Scope } from './temps/scope.ts'
import type {
  AdoptOptions,
  ByteSource,
  CheckedFile,
  Claim,
  FileRules,
  ReceivedFile,
  ReceiveOptions,
  ScopeOptions,
  TempDir,
  TempFile,
  TempScope,
} from './types.ts'
import type { UploadDoor } from './uploads/upload.ts'
import type {
  CreateUploadOptions,
  OpenUploadOptions,
  PartialUpload,
  UploadInfo,
} from './uploads/upload-types.ts'

const checkScopeOptions = optionsOf('scope', { preserve: constantOr(false, oneOf('on-error')) })

/** Whether a manager of any copy of the package is closed; read by {@link getTempManager}. */
export const CLOSED = Symbol.for('temp-file-manager.closed.v1')

/** Counters of one manager since it was made; reading them touches no disk. */
export interface ManagerStats extends Readonly<Counters> {
  /** Files and directories now live, claims among them. */
  readonly entries: number
  /** Bytes received or written by this manager and still here: what limits.totalBytes counts. */
  readonly bytes: number
  /** Claims held now. */
  readonly claims: number
  /** Operations running now: receives, handOffs, claims and the like. */
  readonly pending: number
}

/**
 * Makes temporary files and directories in a private directory of its own, its session, and answers for their
 * end: at the end of a `using` block, at {@link close}, at exit, on a signal, or, after a crash, by a later sweep.
 *
 * @throws ERR_TEMP_OPTION_INVALID, ERR_TEMP_NAME_INVALID
 * @example
 * ```ts
 * import { TempFileManager } from 'temp-file-manager'
 *
 * await using manager = new TempFileManager({ name: 'my-service' })
 * await using file = manager.file('.txt')
 * await file.write('hello')
 * console.log(file.path, await file.size())
 * ```
 */
class Manager implements Disposable, AsyncDisposable {
  readonly #context: Context
  readonly #namer: Namer
  readonly #life: Lifecycle

  constructor(options?: TempFileManagerOptions) {
    const settings = resolveOptions(options)
    new Quota(settings.limits, settings.fs) // throws for limits that this file system cannot keep
    this.#context = { ...settings, layout: layoutOf(settings.root), counters: newCounters() }
    this.#namer = new Namer(settings.prefix)
    this.#life = new Lifecycle(this.#context)
  }

  /** Absolute path of the root directory, `<baseDir>/<name>-<uid>`; not made before the first use. */
  get root(): string {
    return this.#context.root
  }

  /** Absolute path of this manager's private directory; undefined until the first use and after close. */
  get sessionPath(): string | undefined {
    return this.#life.session?.path
  }

  /**
   * Makes an empty file, mode 0600, and returns at once: one open(2), and no descriptor stays open.
   * A string is the suffix of its name.
   * @throws ERR_TEMP_NAME_INVALID, ERR_TEMP_OPTION_INVALID, ERR_TEMP_QUOTA (limits.liveEntries), ERR_TEMP_NO_SPACE,
   * ERR_TEMP_IO, ERR_TEMP_UNSAFE_ROOT, ERR_TEMP_CLOSED
   * @example
   * ```ts
   * import { writeFile } from 'node:fs/promises'
   * import { getTempManager } from 'temp-file-manager'
   *
   * {
   *   await using clip = getTempManager().file('.mkv')
   *   await writeFile(clip.path, 'frames')
   * } // removed here, on return and on throw
   * ```
   */
  file(options?: string | FileOptions): TempFile {
    return this.#life.create(createFile, this.#namer.check(options))
  }

  /** Makes an empty directory, mode 0700, and returns at once. A string is the suffix of its name. @throws as {@link file} */
  dir(options?: string | DirOptions): TempDir {
    return this.#life.create(createDir, this.#namer.check(options))
  }

  /** As {@link file}, off the event loop: for network file systems. Rejects with the same codes. */
  async fileAsync(options?: string | FileOptions): Promise<TempFile> {
    const naming = this.#namer.check(options)
    return await this.#life.run((session) => createFileAsync(session, naming))
  }

  /** As {@link dir}, off the event loop: for network file systems. Rejects with the same codes. */
  async dirAsync(options?: string | DirOptions): Promise<TempDir> {
    const naming = this.#namer.check(options)
    return await this.#life.run((session) => createDirAsync(session, naming))
  }

  /**
   * Streams `source` into a new file in constant memory. On any failure the source is destroyed and nothing
   * stays on disk.
   * @throws ERR_TEMP_TOO_LARGE, ERR_TEMP_TOO_SMALL, ERR_TEMP_TYPE_REJECTED, ERR_TEMP_TRUNCATED, ERR_TEMP_ABORTED,
   * ERR_TEMP_QUOTA, ERR_TEMP_NO_SPACE, ERR_TEMP_IO and the codes of {@link file}; what `accept.validate` throws
   * @example
   * ```ts
   * import { Readable } from 'node:stream'
   * import { getTempManager } from 'temp-file-manager'
   *
   * await using upload = await getTempManager().receive(Readable.from(['some ', 'bytes']), {
   *   suffix: '.txt', maxBytes: '500mb', hash: 'sha256',
   * })
   * console.log(upload.bytes, upload.digest)
   * ```
   */
  receive(source: ByteSource, options?: ReceiveOptions): Promise<ReceivedFile> {
    return this.#receive(source, options)
  }

  /**
   * Takes over a file or directory that stands elsewhere: moved in (across devices too), or, `inPlace`, only
   * registered to be removed with its scope, at close and at exit; no sweep covers the latter.
   * @throws ERR_TEMP_OPTION_INVALID, ERR_TEMP_NO_SPACE, ERR_TEMP_QUOTA, ERR_TEMP_IO, ERR_TEMP_CLOSED
   */
  adopt(path: string, options?: AdoptOptions): Promise<TempFile | TempDir> {
    return this.#life.run((session) => adopt(session, path, this.#context.prefix, options))
  }

  /**
   * Checks an existing file against rules; nothing is moved or changed. Symbolic links and special files are refused.
   * @returns its size in bytes and the media type found in its first bytes
   * @throws ERR_TEMP_TYPE_REJECTED, ERR_TEMP_TOO_LARGE, ERR_TEMP_TOO_SMALL, ERR_TEMP_OPTION_INVALID, ERR_TEMP_IO,
   * ERR_TEMP_CLOSED; the error that `rules.validate` throws
   * @example
   * ```ts
   * import { writeFileSync } from 'node:fs'
   * import { fileRules, getTempManager } from 'temp-file-manager'
   *
   * using dir = getTempManager().dir()
   * const path = dir.join('photo.png')
   * writeFileSync(path, 'not a picture')
   * await getTempManager().checkFile(path, fileRules.image).catch((error) => console.log(error.code)) // ERR_TEMP_TYPE_REJECTED
   * ```
   */
  async checkFile(path: string, rules: FileRules): Promise<CheckedFile> {
    this.#life.requireOpen()
    const checked = pathOf(path, 'checkFile')
    const prepared = prepareRules(rules, 'rules')
    return await checkFile(this.#context.fs, checked, prepared, (validate) =>
      this.#life.run((session) => validate(session)),
    )
  }

  /** A group of temps that are disposed together, last made first. @throws ERR_TEMP_CLOSED */
  scope(options?: ScopeOptions): TempScope {
    const { preserve } = checkScopeOptions(options)
    this.#life.requireOpen()
    const { keepFailed } = this.#context
    const policy = keepFailed ?? DEFAULT_KEEP
    const keeps = preserve === undefined ? keepFailed !== undefined : preserve === 'on-error'
    const maker: Maker = {
      file: (options) => this.file(options),
      dir: (options) => this.dir(options),
      fileAsync: (options) => this.fileAsync(options),
      dirAsync: (options) => this.dirAsync(options),
      receive: (source, options, signal) => this.#receive(source, options, signal),
      adopt: (path, options) => this.adopt(path, options),
      claim: (ticket) => this.claim(ticket),
      keep: (entries, reason) =>
        this.#life.run((session) =>
          keepEntries(this.#context, policy, entries, { sessionId: session.id, reason }),
        ),
    }
    return new Scope(maker, keeps)
  }

  /** Calls `fn` with a scope, which ends when `fn` has; what `fn` throws marks the scope as failed. Returns what `fn` returned. */
  withScope<T>(fn: (scope: TempScope) => Promise<T> | T): Promise<T>
  withScope<T>(options: ScopeOptions, fn: (scope: TempScope) => Promise<T> | T): Promise<T>
  async withScope<T>(
    ...given:
      | [fn: (scope: TempScope) => Promise<T> | T]
      | [ScopeOptions, (scope: TempScope) => Promise<T> | T]
  ): Promise<T> {
    const [options, fn] = given.length === 1 ? [undefined, given[0]] : given
    if (typeof fn !== 'function') throw optionError('fn', 'withScope needs a function as its last argument.')
    return await disposing(this.scope(options), async (scope) => {
      try {
        return await fn(scope)
      } catch (error) {
        if (!scope.signal.aborted) scope.fail(error)
        throw error
      }
    })
  }

  /** For those without `using`: makes a file, calls `fn`, removes the file; returns what `fn` returned. */
  withFile<T>(fn: (file: TempFile) => Promise<T> | T): Promise<T>
  withFile<T>(options: string | FileOptions, fn: (file: TempFile) => Promise<T> | T): Promise<T>
  async withFile<T>(...given: WithArguments<TempFile, FileOptions, T>): Promise<T> {
    const [options, fn] = withArguments(given)
    if (this.#context.keepFailed !== undefined)
      return await this.withScope((scope) => fn(scope.file(options)))
    return await disposing(this.file(options), fn)
  }

  /** For those without `using`: makes a directory, calls `fn`, removes the directory; returns what `fn` returned. */
  withDir<T>(fn: (dir: TempDir) => Promise<T> | T): Promise<T>
  withDir<T>(options: string | DirOptions, fn: (dir: TempDir) => Promise<T> | T): Promise<T>
  async withDir<T>(...given: WithArguments<TempDir, DirOptions, T>): Promise<T> {
    const [options, fn] = withArguments(given)
    if (this.#context.keepFailed !== undefined) return await this.withScope((scope) => fn(scope.dir(options)))
    return await disposing(this.dir(options), fn)
  }

  /**
   * Takes a handoff into exclusive possession. Leaving its scope without complete() gives it back.
   * @throws ERR_TEMP_TICKET_INVALID, ERR_TEMP_HANDOFF_GONE, ERR_TEMP_HANDOFF_CLAIMED (`details`: pid,
   * claimedAtMs, verdict), ERR_TEMP_HANDOFF_DEAD, ERR_TEMP_HANDOFF_CORRUPT, ERR_TEMP_SESSION_LOST, ERR_TEMP_IO, ERR_TEMP_CLOSED
   * @example
   * ```ts
   * import { getTempManager } from 'temp-file-manager'
   *
   * const manager = getTempManager()
   * const ticket = await (await manager.receive('job')).handOff()
   * await using claim = await manager.claim(ticket)
   * console.log(claim.path, claim.attempt) // 1
   * await claim.complete()
   * ```
   */
  async claim<M = unknown>(ticket: string): Promise<Claim<M>> {
    return claimEntry<M>(await this.#claim(ticket, 'work'))
  }

  #claim(ticket: string, purpose: Purpose): Promise<HeldClaim> {
    return this.#life.run(async (session) => {
      session.quota.addEntry()
      try {
        return await claim(session, ticket, purpose)
      } catch (error) {
        session.quota.dropEntry()
        throw error
      }
    })
  }

  /**
   * Claims, calls `fn`, then completes; gives the handoff back when `fn` throws, with the error's text as its `lastError`.
   * Rejects as {@link claim}, or with what `fn` threw.
   */
  async withClaim<M = unknown, T = unknown>(
    ticket: string,
    fn: (claim: Claim<M>) => Promise<T> | T,
  ): Promise<T> {
    const held = await this.#claim(ticket, 'work')
    return await disposing(claimEntry<M>(held), async (entry) => {
      let result: T
      try {
        result = await fn(entry)
      } catch (error) {
        held.reason = error
        throw error
      }
      // Released, handed on or persisted by `fn` it has ended; given back by a close() it has not.
      if (!entry.disposed || this.#life.session === undefined) await entry.complete()
      return result
    })
  }

  /** All handoffs of the root, claimed ones too. @throws ERR_TEMP_IO */
  async handoffs(): Promise<HandoffInfo[]> {
    if (!checkRoot(this.#context)) return []
    return await listHandoffs(this.#context)
  }

  /** One handoff, without claiming it. @throws ERR_TEMP_TICKET_INVALID, ERR_TEMP_HANDOFF_GONE, ERR_TEMP_UNSAFE_ROOT, ERR_TEMP_IO */
  async inspect(ticket: string): Promise<HandoffInfo> {
    checkTicket(isTicket(ticket))
    if (!checkRoot(this.#context)) throw goneError()
    return await inspectHandoff(this.#context, ticket)
  }

  /** Claims and completes without looking at the data; dead letters too. @throws as {@link claim} */
  async discard(ticket: string): Promise<void> {
    await disposing(claimEntry(await this.#claim(ticket, 'discard')), (entry) => entry.complete())
  }

  /**
   * Makes a dead letter claimable again, for as many attempts as `handoff.maxAttempts` allows; the attempt number goes on.
   * Its time to live starts again, also where it was no dead letter.
   * @throws as {@link claim}, except ERR_TEMP_HANDOFF_DEAD
   * @example
   * ```ts
   * import { TempFileManager } from 'temp-file-manager'
   *
   * await using manager = new TempFileManager({ name: 'poison', handoff: { maxAttempts: 1 } })
   * const ticket = await (await manager.receive('job')).handOff()
   * await manager.withClaim(ticket, () => { throw new Error('cannot parse it') }).catch(() => {})
   * const info = await manager.inspect(ticket)
   * console.log(info.state, info.lastError) // dead cannot parse it
   * await manager.retry(ticket)
   * await manager.withClaim(ticket, (claim) => console.log(claim.attempt)) // 2
   * ```
   */
  retry(ticket: string): Promise<void> {
    return this.#life.run((session) => retry(session, ticket))
  }

  /**
   * Creates a partial upload and holds it: its bytes may come in any number of requests, over interruptions and restarts.
   * The protocols on top of it are in `temp-file-manager/resumable` and `temp-file-manager/tus`.
   * @throws ERR_TEMP_OPTION_INVALID, ERR_TEMP_TOO_LARGE, ERR_TEMP_TOO_SMALL, ERR_TEMP_TYPE_REJECTED (by its declared name
   * and type), ERR_TEMP_QUOTA and ERR_TEMP_NO_SPACE (the declared length is reserved over the whole root), ERR_TEMP_EXISTS,
   * ERR_TEMP_IO, ERR_TEMP_UNSAFE_ROOT, ERR_TEMP_CLOSED
   * @example
   * ```ts
   * import { getTempManager } from 'temp-file-manager'
   *
   * const manager = getTempManager()
   * const upload = await manager.createUpload({ length: 10, originalName: 'a.txt' })
   * await upload.append('first')
   * await upload.release() // the process may end here
   *
   * await using again = await manager.openUpload(upload.id)
   * await again.append('again')
   * const { ticket, bytes } = await again.finish()
   * console.log(again.offset, bytes) // 10 10
   * await manager.discard(ticket)
   * ```
   */
  createUpload(options: CreateUploadOptions = {}): Promise<PartialUpload> {
    return this.#life.run(async (session) => (await uploads()).create(session, options, this.#uploadDoor()))
  }

  /**
   * Takes a partial upload into exclusive possession, to continue it.
   * @throws ERR_TEMP_TICKET_INVALID, ERR_TEMP_HANDOFF_GONE, ERR_TEMP_HANDOFF_CLAIMED (a living process writes to it),
   * ERR_TEMP_HANDOFF_CORRUPT, ERR_TEMP_SESSION_LOST, ERR_TEMP_OPTION_INVALID, ERR_TEMP_IO, ERR_TEMP_CLOSED
   */
  openUpload(id: string, options: OpenUploadOptions = {}): Promise<PartialUpload> {
    return this.#life.run(async (session) =>
      (await uploads()).openPartial(session, id, options, this.#uploadDoor()),
    )
  }

  /** All partial uploads of the root, those that are being received and the finished ones that are still known. @throws ERR_TEMP_IO */
  async uploads(): Promise<UploadInfo[]> {
    if (!checkRoot(this.#context)) return []
    return (await uploads()).listUploads(this.#context)
  }

  #uploadDoor(): UploadDoor {
    return { closing: this.#life.closing, claim: (ticket) => this.claim(ticket) }
  }

  /**
   * Recovers what dead processes left and removes expired handoffs; it also runs by itself, see
   * {@link TempFileManagerOptions.sweep}. Safe beside any number of others.
   * @throws ERR_TEMP_OPTION_INVALID, ERR_TEMP_UNSAFE_ROOT, ERR_TEMP_IO (the root itself cannot be read), ERR_TEMP_CLOSED
   * @example
   * ```ts
   * import { getTempManager } from 'temp-file-manager'
   *
   * const report = await getTempManager().sweep({ dryRun: true })
   * for (const entry of report.items) console.log(entry.name, entry.action, entry.reason)
   * ```
   */
  async sweep(options?: SweepOptions): Promise<SweepReport> {
    return await this.#life.sweep(checkSweepOptions(options))
  }

  /** Counters; no disk access. */
  stats(): ManagerStats {
    const { counters } = this.#context
    const { quota } = this.#life
    return {
      ...counters,
      entries: quota?.entries ?? 0,
      bytes: quota?.bytes ?? 0,
      claims: this.#life.session?.claimed.size ?? 0,
      pending: this.#life.pending,
    }
  }

  /** What is on disk under the root, per session and handoff, and whose it is. @throws ERR_TEMP_UNSAFE_ROOT, ERR_TEMP_IO */
  async usage(): Promise<RootUsage> {
    checkRoot(this.#context)
    return await measureRoot(this.#context)
  }

  /**
   * Removes every live file and directory, gives all claims back, aborts running operations and waits for them. The
   * manager stays usable: the next call starts a new session. For tests, between two of them.
   */
  removeAll(): Promise<void> {
    return this.#life.removeAll()
  }

  /**
   * Ends the manager: running operations are aborted and waited for, a running sweep comes to a clean stop,
   * claims go back, all its files are removed. Idempotent. Never rejects for a failed removal: that is reported
   * by `onCleanupError`.
   */
  close(): Promise<void> {
    return this.#life.close()
  }

  /** As {@link close}, at once: what is still running fails by itself. Idempotent. */
  closeSync(): void {
    this.#life.closeSync()
  }

  async #receive(source: ByteSource, options?: ReceiveOptions, ending?: AbortSignal): Promise<ReceivedFile> {
    const keep = options?.keepSource === true
    const intake = openIntake(source, keep) // first of all: the source may fail while the file is being opened
    try {
      this.#life.requireOpen()
      const prepared = checkReceiveOptions(options)
      const naming = this.#namer.checkNames(options)
      const joined = joinSignals(ending, prepared.signal)
      try {
        return await this.#life.abortable(joined.signal, (signal) =>
          this.#life.run((session) => receiveFile(session, naming, intake, { ...prepared, signal })),
        )
      } finally {
        joined.detach()
      }
    } catch (error) {
      intake.stop(error, keep)
      throw error
    }
  }

  get [CLOSED](): boolean {
    return this.#life.ending
  }

  [dispose](): void {
    this.closeSync()
  }

  [asyncDispose](): Promise<void> {
    return this.close()
  }
}

/** Loaded when a first upload is created, opened or listed. */
function uploads(): Promise<typeof import('./uploads/index.ts')> {
  return import('./uploads/index.ts')
}

/** A {@link TempFileManager}, without the private fields that would make the types of the ESM and CommonJS builds differ. */
export interface TempFileManager extends Pick<Manager, Exclude<keyof Manager, typeof CLOSED>> {}

/** {@inheritDoc Manager} */
export const TempFileManager: {
  new (options?: TempFileManagerOptions): TempFileManager
  readonly prototype: TempFileManager
} = Manager
Object.defineProperty(Manager, 'name', { value: 'TempFileManager' })

type WithArguments<E, O, T> =
  | [fn: (entry: E) => Promise<T> | T]
  | [options: string | O, fn: (entry: E) => Promise<T> | T]

function withArguments<E, O, T>(
  given: WithArguments<E, O, T>,
): readonly [string | O | undefined, (entry: E) => Promise<T> | T] {
  const [options, fn] = given.length === 1 ? [undefined, given[0]] : given
  if (typeof fn === 'function') return [options, fn]
  throw optionError('fn', 'withFile and withDir need a function as their last argument.')
}
