// A temporary file. Guarantee: disposing it is exactly one unlink; descriptors are held only by streams, handles
// and writes that the user started, and those are closed before the file is removed.

import { constants } from 'node:fs'
import type { FileHandle } from 'node:fs/promises'
import type { Readable, Writable } from 'node:stream'
import { close, closeWritten, open } from '../disk/descriptors.ts'
import { isMissing, statsOf } from '../disk/paths.ts'
import { errnoOf, ioError, TempFileError } from '../errors.ts'
import { operations } from '../on-demand.ts'
import { joinSignals } from '../runtime/abort.ts'
import { asyncDispose } from '../runtime/dispose.ts'
import { type Intake, openIntake } from '../streams/intake.ts'
import type { PreparedReceive } from '../streams/receive-options.ts'
import type {
  ByteSource,
  ReadStreamOptions,
  ReceiveOptions,
  TempFile,
  WriteResult,
  WriteStreamOptions,
} from '../types.ts'
import {
  canWrite,
  checkBlob,
  checkFlags,
  checkReadStream,
  checkWriteStream,
  withoutFollowing,
} from './content-options.ts'
import { Entry } from './entry.ts'
import { removedError } from './failure.ts'
import { asOnlyWrite } from './only-write.ts'
import { streamResource } from './resources.ts'
import { runValidate } from './run-validate.ts'

const NO_FOLLOW = constants.O_NOFOLLOW ?? 0

/** A finished write, and the rule that is checked when the file is whole. */
interface Written {
  readonly result: WriteResult
  readonly validate: PreparedReceive['validate']
  readonly signal: AbortSignal | undefined
}

export class FileEntry extends Entry implements TempFile {
  override get kind(): 'file' {
    return 'file'
  }

  protected override removeAtSync(path: string): void {
    this.context.fs.unlinkSync(path)
  }

  protected override removeAt(path: string): Promise<void> {
    const { fs } = this.context
    return new Promise((resolve, reject) => {
      fs.unlink(path, (error) => (error ? reject(error) : resolve()))
    })
  }

  // The fast path: one unlink in the thread pool, one promise.
  override [asyncDispose](): Promise<void> {
    if (!this.plain) return super[asyncDispose]()
    return new Promise((resolve) => {
      this.context.fs.unlink(this.path, (error) => {
        if (error) {
          resolve(super[asyncDispose]())
          return
        }
        this.settle('removed')
        resolve()
      })
    })
  }

  async write(source: ByteSource, options: ReceiveOptions = {}): Promise<WriteResult> {
    const keep = options?.keepSource === true
    const intake = openIntake(source, keep) // first: the source may fail while the file is being opened
    try {
      this.requireLive('write to')
      return await asOnlyWrite(this, () => this.#write(intake, options))
    } catch (error) {
      intake.stop(error, keep)
      throw error
    }
  }

  async #write(intake: Intake, options: ReceiveOptions): Promise<WriteResult> {
    // The end of the file ends the write, and a partly written file is never handed off or persisted.
    const ending = new AbortController()
    const work = this.#writeUntil(ending.signal, intake, options)
    const settled = work.then(nothing, nothing)
    const done = this.track({
      writes: true,
      close: () => {
        ending.abort(removedError('This temporary file was removed while it was written.'))
        return settled
      },
    })
    const written = await work.finally(done)
    await this.#validate(written)
    return written.result
  }

  /** Runs the last stage of the rules, which may read the file, until it answers or the file ends. */
  async #validate({ result, validate, signal }: Written): Promise<void> {
    if (validate === undefined) return
    const ending = new AbortController()
    const done = this.track({
      writes: false,
      close: async () =>
        ending.abort(removedError('This temporary file was removed while it was validated.')),
    })
    try {
      await runValidate(validate, this, [ending.signal, signal], result.bytes)
    } catch (error) {
      if (!this.disposed) {
        this.#recharge(0)
        this.#empty()
      }
      throw error
    } finally {
      done()
    }
  }

  async #writeUntil(ending: AbortSignal, intake: Intake, options: ReceiveOptions): Promise<Written> {
    const { checkReceiveOptions } = await operations()
    const prepared = checkReceiveOptions(options)
    const { signal, detach } = joinSignals(ending, prepared.signal)
    try {
      const result = await this.#replaceBy(intake, { ...prepared, signal })
      return { result, validate: prepared.validate, signal: prepared.signal }
    } finally {
      detach()
    }
  }

  async #replaceBy(intake: Intake, prepared: PreparedReceive): Promise<WriteResult> {
    const { fs } = this.context
    const { quota } = this.session
    const fd = await this.#reach(() =>
      open(fs, this.path, constants.O_WRONLY | constants.O_TRUNC | NO_FOLLOW, 0o600),
    )
    this.#recharge(0)
    let result: WriteResult
    try {
      const { fill } = await operations()
      result = await fill({ fs, fd, directory: this.session.path, quota }, intake, prepared)
    } catch (error) {
      await close(fs, fd)
      this.#empty()
      throw error
    }
    try {
      await closeWritten(fs, fd)
    } catch (error) {
      quota.giveBack(result.bytes)
      this.#empty()
      throw ioError(error, 'write a temporary file', this.path)
    }
    this.#recharge(result.bytes)
    return result
  }

  /** Gives back what was counted for the old content; `bytes` are counted already. */
  #recharge(bytes: number): void {
    this.session.quota.giveBack(this.charged)
    this.charge(bytes)
    if (bytes > 0 && this.disposed) this.session.quota.giveBack(bytes)
  }

  createReadStream(options: ReadStreamOptions = {}): Readable {
    const checked = checkReadStream(options)
    this.requireLive('read')
    return this.#watch(
      this.context.fs.createReadStream(this.path, { ...checked, flags: withoutFollowing('r') }),
      false,
    )
  }

  createWriteStream(options: WriteStreamOptions = {}): Writable {
    const { flags = 'w', ...checked } = checkWriteStream(options)
    this.requireLive('write to')
    const numeric = withoutFollowing(flags)
    return this.#watch(this.context.fs.createWriteStream(this.path, { ...checked, flags: numeric }), true)
  }

  async open(flags: string | number = 'r+'): Promise<FileHandle> {
    checkFlags(flags, 'flags')
    this.requireLive('open')
    const numeric = withoutFollowing(flags)
    // The interface does not type handles; a file system returns its own FileHandle here.
    const opening = this.#reach((path) => this.context.fs.promises.open(path, numeric) as Promise<FileHandle>)
    let ending = false
    const done = this.track({
      writes: canWrite(flags),
      close: async () => {
        ending = true
        await opening.then((opened) => opened.close()).catch(nothing)
      },
    })
    let handle: FileHandle
    try {
      handle = await opening
    } catch (error) {
      done()
      throw error
    }
    if (ending) {
      done()
      throw removedError('This temporary file was removed while it was opened.')
    }
    const close = handle.close.bind(handle)
    handle.close = async () => {
      done()
      await close()
    }
    return handle
  }

  async blob(options: { type?: string | undefined } = {}): Promise<Blob> {
    const { type = '' } = checkBlob(options)
    this.requireLive('read')
    const { fs } = this.context
    return await this.#reach(async (path) => {
      if ((await statsOf(fs, path)).isSymbolicLink())
        throw new TempFileError('ERR_TEMP_IO', 'A link took the place of this temporary file.', { path })
      return (await fs.openAsBlob?.(path, { type })) ?? new Blob([await fs.promises.readFile(path)], { type })
    })
  }

  async size(): Promise<number> {
    this.requireLive('measure')
    return (await this.#reach((path) => statsOf(this.context.fs, path))).size
  }

  /** Registers a stream until its descriptor is closed. */
  #watch<T extends Readable | Writable>(stream: T, writes: boolean): T {
    stream.once('close', this.track(streamResource(stream, writes)))
    return stream
  }

  // A failed write leaves an empty file, not a partial or a refused one.
  #empty(): void {
    const { fs } = this.context
    try {
      fs.closeSync(fs.openSync(this.path, constants.O_WRONLY | constants.O_TRUNC | NO_FOLLOW))
    } catch {
      // Removed, or not writable now: the caller needs the error of the write itself.
    }
  }

  /** Runs `work` on the file's path; once more if the session had another name. */
  async #reach<T>(work: (path: string) => Promise<T>): Promise<T> {
    try {
      return await work(this.path)
    } catch (error) {
      if (!this.#isGone(error) || !this.isBack()) throw this.#openError(error)
    }
    return await work(this.path).catch((error: unknown) => {
      throw this.#openError(error)
    })
  }

  /** A Blob of a missing file is ERR_INVALID_ARG_VALUE. */
  #isGone(error: unknown): boolean {
    return errnoOf(error) === 'ENOENT' || isMissing(this.context.fs, this.path)
  }

  #openError(error: unknown): TempFileError {
    if (!this.#isGone(error)) return ioError(error, 'open a temporary file', this.path)
    const why = this.disposed ? 'while it was opened' : 'by another program'
    return removedError(`This temporary file was removed ${why}.`, { cause: error, path: this.path })
  }
}

function nothing(): void {}
