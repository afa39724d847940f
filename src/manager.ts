// TempFileManager: takes the options, wires the rooms, and holds no logic of its own beyond when a session
// begins and ends.

import { joinSignals } from './abort.ts'
import { type Context, type Counters, newCounters } from './context.ts'
import { errnoOf, ioError, isTempFileError, TempFileError } from './errors.ts'
import { claim } from './handoff/claim.ts'
import type { HandoffInfo } from './handoff/info.ts'
import { checkTicket } from './handoff/record.ts'
import { reportCleanupError } from './observe.ts'
import { resolveOptions, type TempFileManagerOptions } from './options.ts'
import { type ExitTask, exitRegistry } from './session/exit-hook.ts'
import { isTicket, layoutOf } from './session/layout.ts'
import { checkRoot } from './session/root.ts'
import { Session } from './session/session.ts'
import { Quota } from './streams/quota.ts'
import { checkReceiveOptions, type ReceiveOptions } from './streams/receive.ts'
import { destroySource, type Source } from './streams/source.ts'
import { endSession, endSessionSync } from './sweep/end-session.ts'
import { inspectHandoff, listHandoffs } from './sweep/handoff-list.ts'
import { Maintenance } from './sweep/maintenance.ts'
import type { SweepReport } from './sweep/report.ts'
import type { SweepOptions } from './sweep/sweep.ts'
import { measureRoot, type RootUsage } from './sweep/usage.ts'
import { adopt } from './temps/adopt.ts'
import { claimEntry } from './temps/claim.ts'
import { createDir, createDirAsync } from './temps/dir.ts'
import { createFile, createFileAsync, receiveFile } from './temps/file.ts'
import type { DirOptions, FileOptions } from './temps/file-options.ts'
import { Namer, type Naming } from './temps/naming.ts'
import { Scope } from './temps/scope.ts'
import type { AdoptOptions, Claim, ReceivedFile, TempDir, TempFile, TempScope } from './temps/types.ts'

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
export class TempFileManager implements Disposable, AsyncDisposable {
  readonly #context: Context
  readonly #namer: Namer
  readonly #maintenance: Maintenance
  readonly #pending = new Set<Promise<unknown>>()
  readonly #abort = new AbortController()
  readonly #exitTask: ExitTask
  #session: Session | undefined
  /** The session while close() runs: exit and closeSync() finish it. */
  #retiring: Session | undefined
  #closing: Promise<void> | undefined

  constructor(options?: TempFileManagerOptions) {
    const settings = resolveOptions(options)
    const quota = new Quota(settings.limits, settings.fs)
    this.#context = { ...settings, layout: layoutOf(settings.root), quota, counters: newCounters() }
    this.#namer = new Namer(settings.prefix)
    this.#maintenance = new Maintenance(
      this.#context,
      () => this.#session,
      () => this.#dropLost(),
    )
    this.#exitTask = { signals: settings.signals, run: () => this.#end(true) }
  }

  /** Absolute path of the root directory, `<baseDir>/<name>-<uid>`; not made before the first use. */
  get root(): string {
    return this.#context.root
  }

  /** Absolute path of this manager's private directory; undefined until the first use and after close. */
  get sessionPath(): string | undefined {
    return this.#session?.path
  }

  /**
   * Makes an empty file, mode 0600, and returns at once: one open(2), and no descriptor stays open.
   * A string is the suffix of its name.
   * @throws ERR_TEMP_NAME_INVALID, ERR_TEMP_OPTION_INVALID, ERR_TEMP_QUOTA (limits.entries), ERR_TEMP_NO_SPACE,
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
    return this.#create(createFile, this.#namer.check(options))
  }

  /** Makes an empty directory, mode 0700, and returns at once. A string is the suffix of its name. @throws as {@link file} */
  dir(options?: string | DirOptions): TempDir {
    return this.#create(createDir, this.#namer.check(options))
  }

  /** As {@link file}, off the event loop: for network file systems. Rejects with the same codes. */
  fileAsync(options?: string | FileOptions): Promise<TempFile> {
    return this.#run((session) => createFileAsync(session, this.#namer.check(options)))
  }

  /** As {@link dir}, off the event loop: for network file systems. Rejects with the same codes. */
  dirAsync(options?: string | DirOptions): Promise<TempDir> {
    return this.#run((session) => createDirAsync(session, this.#namer.check(options)))
  }

  /**
   * Streams `source` into a new file in constant memory. On any failure the source is destroyed and nothing
   * stays on disk.
   * @throws ERR_TEMP_TOO_LARGE, ERR_TEMP_TOO_SMALL, ERR_TEMP_TYPE_REJECTED, ERR_TEMP_TRUNCATED, ERR_TEMP_ABORTED,
   * ERR_TEMP_QUOTA, ERR_TEMP_NO_SPACE, ERR_TEMP_IO and the codes of {@link file}; what `accept.inspect` throws
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
  async receive(source: Source, options: ReceiveOptions = {}): Promise<ReceivedFile> {
    const { signal, detach } = joinSignals(this.#abort.signal, options.signal)
    try {
      const prepared = checkReceiveOptions({ ...options, signal })
      const { suffix, prefix, name, mode } = options
      const naming = this.#namer.check({ suffix, prefix, name, mode })
      return await this.#run((session) => receiveFile(session, naming, source, prepared), source)
    } catch (error) {
      destroySource(source)
      throw error
    } finally {
      detach()
    }
  }

  /**
   * Takes over a file or directory that stands elsewhere: moved in (across devices too), or, `inPlace`, only
   * registered to be removed with its scope, at close and at exit; no sweep covers the latter.
   * @throws ERR_TEMP_OPTION_INVALID, ERR_TEMP_NO_SPACE, ERR_TEMP_QUOTA, ERR_TEMP_IO, ERR_TEMP_CLOSED
   */
  adopt(path: string, options: AdoptOptions = {}): Promise<TempFile | TempDir> {
    return this.#run((session) => adopt(session, path, this.#context.prefix, options))
  }

  /** A group of temps that are disposed together, last made first. @throws ERR_TEMP_CLOSED */
  scope(): TempScope {
    this.#requireOpen()
    return new Scope(this)
  }

  /** For those without `using`: makes a file, calls `fn`, removes the file; returns what `fn` returned. */
  withFile<T>(fn: (file: TempFile) => Promise<T> | T): Promise<T>
  withFile<T>(options: string | FileOptions, fn: (file: TempFile) => Promise<T> | T): Promise<T>
  async withFile<T>(...given: WithArguments<TempFile, FileOptions, T>): Promise<T> {
    const [options, fn] = given.length === 1 ? [undefined, given[0]] : given
    await using file = this.file(options)
    return await fn(file)
  }

  /** For those without `using`: makes a directory, calls `fn`, removes the directory; returns what `fn` returned. */
  withDir<T>(fn: (dir: TempDir) => Promise<T> | T): Promise<T>
  withDir<T>(options: string | DirOptions, fn: (dir: TempDir) => Promise<T> | T): Promise<T>
  async withDir<T>(...given: WithArguments<TempDir, DirOptions, T>): Promise<T> {
    const [options, fn] = given.length === 1 ? [undefined, given[0]] : given
    await using dir = this.dir(options)
    return await fn(dir)
  }

  /**
   * Takes a handoff into exclusive possession. Leaving its scope without complete() gives it back.
   * @throws ERR_TEMP_TICKET_INVALID, ERR_TEMP_HANDOFF_GONE, ERR_TEMP_HANDOFF_CLAIMED (by whom and since when, in
   * `details`), ERR_TEMP_HANDOFF_CORRUPT, ERR_TEMP_SESSION_LOST, ERR_TEMP_IO, ERR_TEMP_CLOSED
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
  claim<M = unknown>(ticket: string): Promise<Claim<M>> {
    return this.#run(async (session) => {
      const { quota } = this.#context
      quota.addEntry()
      try {
        return claimEntry<M>(await claim(session, ticket))
      } catch (error) {
        quota.dropEntry()
        throw error
      }
    })
  }

  /** Claims, calls `fn`, then completes; gives the handoff back when `fn` throws. Rejects as {@link claim}, or with what `fn` threw. */
  async withClaim<T, M = unknown>(ticket: string, fn: (claim: Claim<M>) => Promise<T> | T): Promise<T> {
    await using held = await this.claim<M>(ticket)
    const result = await fn(held)
    await held.complete()
    return result
  }

  /** All handoffs of the root, claimed ones too. @throws ERR_TEMP_IO */
  async handoffs(): Promise<HandoffInfo[]> {
    if (!checkRoot(this.#context.fs, this.#context.layout)) return []
    return await listHandoffs(this.#context)
  }

  /** One handoff, without claiming it. @throws ERR_TEMP_TICKET_INVALID, ERR_TEMP_HANDOFF_GONE, ERR_TEMP_IO */
  async inspect(ticket: string): Promise<HandoffInfo> {
    checkTicket(isTicket(ticket))
    return await inspectHandoff(this.#context, ticket)
  }

  /** Claims and completes, unseen. @throws as {@link claim} */
  async discard(ticket: string): Promise<void> {
    const held = await this.claim(ticket)
    await held.complete()
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
   * for (const entry of report.entries) console.log(entry.name, entry.action, entry.reason)
   * ```
   */
  async sweep(options: SweepOptions = {}): Promise<SweepReport> {
    this.#requireOpen()
    return await this.#track(this.#maintenance.sweep(options, this.#abort.signal))
  }

  /** Counters; no disk access. */
  stats(): ManagerStats {
    const { counters, quota } = this.#context
    return {
      ...counters,
      entries: quota.entries,
      bytes: quota.bytes,
      claims: this.#session?.held.size ?? 0,
      pending: this.#pending.size,
    }
  }

  /** What is on disk under the root, per session and handoff, and whose it is. @throws ERR_TEMP_IO */
  async usage(): Promise<RootUsage> {
    return await measureRoot(this.#context)
  }

  /**
   * Ends the manager: running operations are aborted and waited for, a running sweep comes to a clean stop,
   * claims go back, all its files are removed. Idempotent. Never rejects for a failed removal: that is reported
   * by `onCleanupError`.
   */
  close(): Promise<void> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  /** As {@link close}, at once: what is still running fails by itself. Idempotent. */
  closeSync(): void {
    this.#closing ??= Promise.resolve()
    this.#abort.abort(closedError())
    this.#end(false)
  }

  [Symbol.dispose](): void {
    this.closeSync()
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  async #close(): Promise<void> {
    const session = this.#session
    this.#retiring = session
    this.#session = undefined
    this.#abort.abort(closedError())
    await this.#maintenance.stop()
    await Promise.allSettled(this.#pending)
    if (session !== undefined) await endSession(session)
    this.#retiring = undefined
    exitRegistry().delete(this.#exitTask)
  }

  #end(exiting: boolean): void {
    this.#maintenance.cancel()
    const session = this.#session ?? this.#retiring
    this.#session = undefined
    this.#retiring = undefined
    if (session !== undefined) endSessionSync(session, exiting)
    exitRegistry().delete(this.#exitTask)
  }

  #requireOpen(): void {
    if (this.#closing !== undefined) throw closedError()
  }

  /** The session, made at the first use. */
  #live(): Session {
    if (this.#session !== undefined) return this.#session
    this.#requireOpen()
    exitRegistry().add(this.#exitTask)
    this.#maintenance.start()
    try {
      this.#session = Session.open(this.#context)
    } catch (error) {
      exitRegistry().delete(this.#exitTask)
      throw this.#noticed(error)
    }
    this.#maintenance.begin(this.#session)
    return this.#session
  }

  #create<T>(make: (session: Session, naming: Naming) => T, naming: Naming): T {
    const session = this.#session ?? this.#live()
    try {
      return make(session, naming)
    } catch (error) {
      if (!this.#mayTryAgain(session, error)) throw this.#noticed(error)
    }
    try {
      return make(this.#live(), naming)
    } catch (error) {
      throw this.#noticed(error)
    }
  }

  async #run<T>(work: (session: Session) => Promise<T>, source?: unknown): Promise<T> {
    return await this.#track(this.#attempt(work, source))
  }

  async #attempt<T>(work: (session: Session) => Promise<T>, source: unknown): Promise<T> {
    this.#requireOpen()
    const session = this.#live()
    try {
      return await work(session)
    } catch (error) {
      const untouched = !(
        source instanceof Object &&
        'readableDidRead' in source &&
        source.readableDidRead === true
      )
      if (!untouched || !this.#mayTryAgain(session, error)) throw this.#noticed(error)
    }
    try {
      return await work(this.#live())
    } catch (error) {
      throw this.#noticed(error)
    }
  }

  async #track<T>(work: Promise<T>): Promise<T> {
    this.#pending.add(work)
    try {
      return await work
    } finally {
      this.#pending.delete(work)
    }
  }

  /** Whether a creation failed because our directory was taken away, so that it may work now. */
  #mayTryAgain(session: Session, error: unknown): boolean {
    if (errnoOf(error) !== 'ENOENT' || this.#closing !== undefined) return false
    if (!session.confirm()) this.#dropLost()
    return true
  }

  #dropLost(): void {
    const session = this.#session
    if (session === undefined || !session.lost) return
    this.#session = undefined
    this.#context.counters.sessionsLost++
    reportCleanupError(this.#context.onCleanupError, session.lostError(), true)
  }

  /** The typed error; a full disk also sets a sweep going, for a crash may have filled it. */
  #noticed(error: unknown): unknown {
    const typed = isTempFileError(error) || !(error instanceof Error) || errnoOf(error) === undefined
    const failure = typed ? error : ioError(error, 'make a temporary file or directory', this.#session?.path)
    if (isTempFileError(failure) && failure.code === 'ERR_TEMP_NO_SPACE') this.#maintenance.soon()
    return failure
  }
}

type WithArguments<E, O, T> =
  | [fn: (entry: E) => Promise<T> | T]
  | [options: string | O, fn: (entry: E) => Promise<T> | T]

function closedError(): TempFileError {
  return new TempFileError('ERR_TEMP_CLOSED', 'This manager is closed. Make another one, or close it later.')
}
