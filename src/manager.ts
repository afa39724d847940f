// TempFileManager: checks the options, connects the rooms, and decides nothing itself. The public methods are documented in
// src/manager/, by subject.

import { checkTicket, goneError } from './claimable/handoff-record.ts'
import type { Context } from './context.ts'
import type { HandoffInfo } from './handoff/info.ts'
import type { DirOptions, FileOptions } from './input/file-options.ts'
import { isTicket } from './layout.ts'
import { Lifecycle } from './lifecycle.ts'
import { type Callback, type CallbackArguments, splitArguments } from './manager/callback-arguments.ts'
import { claim, withClaim } from './manager/claiming.ts'
import { adopt, checkFile } from './manager/existing-files.ts'
import type { ManagerStats } from './manager/maintenance-methods.ts'
import type { ManagerMethods } from './manager/methods.ts'
import { receive } from './manager/receiving.ts'
import { openScope, runInScope } from './manager/scoping.ts'
import { resolveOptions, type TempFileManagerOptions } from './manager-options.ts'
import { operations } from './on-demand.ts'
import { asyncDispose, dispose, disposing } from './runtime/dispose.ts'
import { CLOSING, FILE_BYTES } from './runtime/manager-members.ts'
import { checkRoot } from './session/root.ts'
import type { SweepReport } from './sweep/report.ts'
import { checkSweepOptions, type SweepOptions } from './sweep/sweep-options.ts'
import type { RootUsage } from './sweep/usage.ts'
import { createFile, createFileAsync } from './temps/create.ts'
import { createDir, createDirAsync } from './temps/dir.ts'
import { Namer } from './temps/naming.ts'
import type { Maker } from './temps/scope.ts'
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

/** The property by which {@link getTempManager} finds that a manager, of any copy of the package, is closed. */
export const CLOSED = Symbol.for('temp-file-manager.closed.v1')

class Manager implements TempFileManager {
  readonly #context: Context
  readonly #namer: Namer
  readonly #life: Lifecycle

  constructor(options?: TempFileManagerOptions) {
    this.#context = resolveOptions(options)
    this.#namer = new Namer(this.#context.prefix)
    this.#life = new Lifecycle(this.#context)
  }

  get root(): string {
    return this.#context.root
  }

  get sessionPath(): string | undefined {
    return this.#life.session?.path
  }

  file(options?: string | FileOptions): TempFile {
    return this.#life.create(createFile, this.#namer.check(options))
  }

  dir(options?: string | DirOptions): TempDir {
    return this.#life.create(createDir, this.#namer.check(options))
  }

  async fileAsync(options?: string | FileOptions): Promise<TempFile> {
    const naming = this.#namer.check(options)
    return await this.#life.run((session) => createFileAsync(session, naming))
  }

  async dirAsync(options?: string | DirOptions): Promise<TempDir> {
    const naming = this.#namer.check(options)
    return await this.#life.run((session) => createDirAsync(session, naming))
  }

  async receive(source: ByteSource, options?: ReceiveOptions): Promise<ReceivedFile> {
    return await this.#receive(source, options)
  }

  async adopt(path: string, options?: AdoptOptions): Promise<TempFile | TempDir> {
    return await adopt(this.#context, this.#life, path, options)
  }

  async checkFile(path: string, rules: FileRules): Promise<CheckedFile> {
    return await checkFile(this.#context, this.#life, path, rules)
  }

  scope(options?: ScopeOptions): TempScope {
    const maker: Omit<Maker, 'keep' | 'ending'> = {
      fileBytes: this.#context.limits.fileBytes,
      file: (options) => this.file(options),
      dir: (options) => this.dir(options),
      fileAsync: (options) => this.fileAsync(options),
      dirAsync: (options) => this.dirAsync(options),
      receive: (source, options, ending) => this.#receive(source, options, ending),
      adopt: (path, options) => this.adopt(path, options),
      claim: (ticket) => this.claim(ticket),
    }
    return openScope(this.#context, this.#life, maker, options)
  }

  withScope<T>(fn: Callback<TempScope, T>): Promise<T>
  withScope<T>(options: ScopeOptions, fn: Callback<TempScope, T>): Promise<T>
  async withScope<T>(...given: CallbackArguments<ScopeOptions, TempScope, T>): Promise<T> {
    const [options, fn] = splitArguments('withScope', given)
    return await runInScope(this.scope(options), fn)
  }

  withFile<T>(fn: Callback<TempFile, T>): Promise<T>
  withFile<T>(options: string | FileOptions, fn: Callback<TempFile, T>): Promise<T>
  async withFile<T>(...given: CallbackArguments<string | FileOptions, TempFile, T>): Promise<T> {
    const [options, fn] = splitArguments('withFile', given)
    if (this.#context.keepFailed !== undefined)
      return await this.withScope((scope) => fn(scope.file(options)))
    return await disposing(this.file(options), fn)
  }

  withDir<T>(fn: Callback<TempDir, T>): Promise<T>
  withDir<T>(options: string | DirOptions, fn: Callback<TempDir, T>): Promise<T>
  async withDir<T>(...given: CallbackArguments<string | DirOptions, TempDir, T>): Promise<T> {
    const [options, fn] = splitArguments('withDir', given)
    if (this.#context.keepFailed !== undefined) return await this.withScope((scope) => fn(scope.dir(options)))
    return await disposing(this.dir(options), fn)
  }

  async claim<M = unknown>(ticket: string): Promise<Claim<M>> {
    return await claim(this.#life, ticket)
  }

  async withClaim<M = unknown, T = unknown>(ticket: string, fn: Callback<Claim<M>, T>): Promise<T> {
    return await withClaim(this.#life, ticket, fn)
  }

  async handoffs(): Promise<HandoffInfo[]> {
    if (!checkRoot(this.#context)) return []
    return await (await operations()).listHandoffs(this.#context)
  }

  async inspect(ticket: string): Promise<HandoffInfo> {
    checkTicket(isTicket(ticket))
    if (!checkRoot(this.#context)) throw goneError()
    return await (await operations()).inspectHandoff(this.#context, ticket)
  }

  discard(ticket: string): Promise<void> {
    return this.#life.run(async (session) => (await operations()).discard(session, ticket))
  }

  retry(ticket: string): Promise<void> {
    return this.#life.run(async (session) => (await operations()).retry(session, ticket))
  }

  createUpload(options: CreateUploadOptions = {}): Promise<PartialUpload> {
    return this.#life.run(async (session, door = this.#uploadDoor()) =>
      (await operations()).create(session, options, door),
    )
  }

  openUpload(id: string, options: OpenUploadOptions = {}): Promise<PartialUpload> {
    return this.#life.run(async (session, door = this.#uploadDoor()) =>
      (await operations()).openPartial(session, id, options, door),
    )
  }

  async uploads(): Promise<UploadInfo[]> {
    if (!checkRoot(this.#context)) return []
    return (await operations()).listUploads(this.#context)
  }

  /** To be made with the session in use: removeAll() aborts what was begun in it. */
  #uploadDoor(): UploadDoor {
    return { closing: this.#life.closing, claim: (ticket) => this.claim(ticket) }
  }

  async sweep(options?: SweepOptions): Promise<SweepReport> {
    return await this.#life.sweep(checkSweepOptions(options))
  }

  stats(): ManagerStats {
    const { quota } = this.#life
    return {
      ...this.#context.counters,
      entries: quota?.entries ?? 0,
      bytes: quota?.bytes ?? 0,
      claims: this.#life.session?.claimed.size ?? 0,
      pending: this.#life.pending,
    }
  }

  async usage(): Promise<RootUsage> {
    checkRoot(this.#context)
    return await (await operations()).measureRoot(this.#context)
  }

  removeAll(): Promise<void> {
    return this.#life.removeAll()
  }

  close(): Promise<void> {
    return this.#life.close()
  }

  closeSync(): void {
    this.#life.closeSync()
  }

  #receive(source: ByteSource, options?: ReceiveOptions, ending?: AbortSignal): Promise<ReceivedFile> {
    return receive({ life: this.#life, namer: this.#namer }, source, options, ending)
  }

  get [CLOSED](): boolean {
    return this.#life.ending
  }
  get [CLOSING](): AbortSignal {
    return this.#life.closing
  }
  get [FILE_BYTES](): number | undefined {
    return this.#context.limits.fileBytes
  }

  [dispose](): void {
    this.closeSync()
  }

  [asyncDispose](): Promise<void> {
    return this.close()
  }
}

/**
 * Creates temporary files and directories in a private directory of its own, its session, and removes them: at the end of a
 * `using` block, at {@link close}, at exit, on a signal or, after a crash, by a later sweep.
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
 * @category Managers
 */
export interface TempFileManager extends ManagerMethods {}

/** {@inheritDoc TempFileManager} */
export const TempFileManager: {
  new (options?: TempFileManagerOptions): TempFileManager
  readonly prototype: TempFileManager
} = Manager // an interface, because private fields would make the types of the ESM and CommonJS builds differ
Object.defineProperty(Manager, 'name', { value: 'TempFileManager' })
