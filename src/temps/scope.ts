// A group of temps that end together, in reverse order of creation. Guarantee: a creation that still runs when the scope
// ends is aborted and waited for, every member is disposed even if another one fails, and nothing is created afterwards.

import { optionError, TempFileError } from '../errors.ts'
import type { DirOptions, FileOptions } from '../input/file-options.ts'
import { joinSignals } from '../runtime/abort.ts'
import { announced } from '../runtime/announced.ts'
import { asyncDispose } from '../runtime/dispose.ts'
import { FILE_BYTES } from '../runtime/manager-members.ts'
import { destroySource } from '../streams/source.ts'
import type {
  AdoptOptions,
  ByteSource,
  Claim,
  ReceivedFile,
  ReceiveOptions,
  TempDir,
  TempFile,
  TempScope,
} from '../types.ts'
import { Entry } from './entry.ts'

/** Creates the temps of a scope: a manager. */
export interface Maker {
  /** Aborts when the manager closes or removes everything that was created before. */
  readonly ending: AbortSignal
  /** `limits.fileBytes`. */
  readonly fileBytes: number | undefined
  file(options?: string | FileOptions): TempFile
  dir(options?: string | DirOptions): TempDir
  fileAsync(options?: string | FileOptions): Promise<TempFile>
  dirAsync(options?: string | DirOptions): Promise<TempDir>
  /** `signal`: aborts the receive too, beside the one in `options`. */
  receive(source: ByteSource, options: ReceiveOptions | undefined, signal: AbortSignal): Promise<ReceivedFile>
  adopt(path: string, options?: AdoptOptions): Promise<TempFile | TempDir>
  claim<M>(ticket: string): Promise<Claim<M>>
  /** Moves the entries of a failed scope to kept/; returns the errors of those that could not be moved. */
  keep(entries: readonly Entry[], reason: unknown): Promise<readonly unknown[]>
}

interface Member extends AsyncDisposable {
  readonly disposed: boolean
}

export class Scope implements TempScope {
  readonly #maker: Maker
  /** Of what the scope creates; {@link signal} aborts also when its manager ends. */
  readonly #abort = new AbortController()
  #signal: AbortSignal | undefined
  readonly #making = new Set<Promise<unknown>>()
  #members: (Member | (() => Promise<void> | void))[] = []
  #tidyAt = 256
  #ending: Promise<void> | undefined
  /** A deferred function is being called. */
  #calling = false
  readonly #keeps: boolean
  #failure: { readonly reason: unknown } | undefined

  /** `keeps`: the entries of a failed scope are kept. */
  constructor(maker: Maker, keeps: boolean) {
    this.#maker = maker
    this.#keeps = keeps
  }

  get signal(): AbortSignal {
    this.#signal ??= joinSignals(this.#abort.signal, this.#maker.ending).signal // which the end of the scope detaches
    return this.#signal
  }

  get [FILE_BYTES](): number | undefined {
    return this.#maker.fileBytes
  }

  file(options?: string | FileOptions): TempFile {
    this.#requireOpen()
    return this.#own(this.#maker.file(options))
  }

  dir(options?: string | DirOptions): TempDir {
    this.#requireOpen()
    return this.#own(this.#maker.dir(options))
  }

  fileAsync(options?: string | FileOptions): Promise<TempFile> {
    return this.#make(() => this.#maker.fileAsync(options))
  }

  dirAsync(options?: string | DirOptions): Promise<TempDir> {
    return this.#make(() => this.#maker.dirAsync(options))
  }

  async receive(source: ByteSource, options?: ReceiveOptions): Promise<ReceivedFile> {
    try {
      this.#requireOpen()
    } catch (error) {
      destroySource(source)
      throw error
    }
    return await this.#make(() => this.#maker.receive(source, options, this.#abort.signal))
  }

  adopt(path: string, options?: AdoptOptions): Promise<TempFile | TempDir> {
    return this.#make(() => this.#maker.adopt(path, options))
  }

  claim<M = unknown>(ticket: string): Promise<Claim<M>> {
    return this.#make(() => this.#maker.claim<M>(ticket))
  }

  defer(fn: () => Promise<void> | void): void {
    this.#requireOpen()
    if (typeof fn !== 'function') throw optionError('fn', 'defer needs a function.')
    this.#members.push(fn)
  }

  fail(reason?: unknown): void {
    this.#requireOpen()
    this.#failure ??= { reason }
  }

  [asyncDispose](): Promise<void> {
    return this.close()
  }

  close(): Promise<void> {
    if (this.#calling) return Promise.resolve() // a deferred function that waits for the end would wait for itself
    return (
      this.#ending ??
      announced(
        (ending) => {
          this.#ending = ending
        },
        () => this.#end(),
      )
    )
  }

  async #end(): Promise<void> {
    this.#abort.abort(closedError())
    await Promise.allSettled(this.#making)
    const errors: unknown[] = []
    if (this.#failure !== undefined && this.#keeps) await this.#keep(this.#failure.reason, errors)
    for (let member = this.#members.pop(); member !== undefined; member = this.#members.pop()) {
      try {
        await (typeof member === 'function' ? this.#call(member) : member[asyncDispose]())
      } catch (error) {
        errors.push(error)
      }
    }
    if (errors.length === 1) throw errors[0]
    if (errors.length > 1)
      throw new AggregateError(
        errors,
        'Several cleanup steps of a scope failed. See the errors of this error.',
      )
  }

  #call(deferred: () => Promise<void> | void): Promise<void> | void {
    this.#calling = true
    try {
      return deferred()
    } finally {
      this.#calling = false
    }
  }

  async #keep(reason: unknown, errors: unknown[]): Promise<void> {
    const entries = this.#members.filter((member) => member instanceof Entry && member.keepable)
    if (entries.length === 0) return
    try {
      errors.push(...(await this.#maker.keep(entries as Entry[], reason))) // filtered in the line above
    } catch (error) {
      errors.push(error)
    }
  }

  async #make<T extends Member>(make: () => Promise<T>): Promise<T> {
    this.#requireOpen()
    const making = make().then((member) => this.#own(member))
    this.#making.add(making)
    try {
      return await making
    } finally {
      this.#making.delete(making)
    }
  }

  /** A scope that lives long forgets members that ended before it. */
  #own<T extends Member>(member: T): T {
    if (this.#members.length >= this.#tidyAt) {
      this.#members = this.#members.filter((each) => typeof each === 'function' || !each.disposed)
      this.#tidyAt = Math.max(256, this.#members.length * 2)
    }
    this.#members.push(member)
    return member
  }

  #requireOpen(): void {
    if (this.#ending !== undefined) throw closedError()
  }
}

function closedError(): TempFileError {
  return new TempFileError(
    'ERR_TEMP_CLOSED',
    'This scope has ended. Create temporary files before its end, or in the manager.',
  )
}
