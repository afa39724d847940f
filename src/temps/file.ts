// A temporary file. Promise: making one is exactly open and close, disposing it exactly unlink; descriptors
// are held only by streams and handles that the user opens, and those are closed before the file goes.

import { constants } from 'node:fs'
import type { FileHandle } from 'node:fs/promises'
import type { Readable, Writable } from 'node:stream'
import { joinSignals } from '../abort.ts'
import { close, open } from '../disk/descriptors.ts'
import { statsOf } from '../disk/stats.ts'
import { errnoOf, ioError, TempFileError, type TempFileErrorOptions } from '../errors.ts'
import { inside } from '../session/layout.ts'
import { CREATE_FLAGS } from '../session/root.ts'
import { creationError, type Session } from '../session/session.ts'
import {
  checkReceiveOptions,
  fill,
  type PreparedReceive,
  type ReceiveOptions,
  type WriteResult,
} from '../streams/receive.ts'
import { destroySource, holdSource, type Source } from '../streams/source.ts'
import { Entry, fineIfGone, type Holding, nameOf } from './entry.ts'
import { makeWrapper } from './exact-name.ts'
import type { Naming } from './naming.ts'
import type { ReadStreamOptions, ReceivedFile, TempFile, WriteStreamOptions } from './types.ts'

const NO_FOLLOW = constants.O_NOFOLLOW ?? 0

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

  // The quick way: one unlink in the thread pool, one promise.
  override [Symbol.asyncDispose](): Promise<void> {
    if (!this.plain) return super[Symbol.asyncDispose]()
    return new Promise((resolve) => {
      this.context.fs.unlink(this.path, (error) => {
        if (error) {
          resolve(super[Symbol.asyncDispose]())
          return
        }
        this.settle('removed')
        resolve()
      })
    })
  }

  async write(source: Source, options: ReceiveOptions = {}): Promise<WriteResult> {
    const release = holdSource(source) // it may fail while the file is being opened
    try {
      return await this.#write(source, options)
    } finally {
      release()
    }
  }

  async #write(source: Source, options: ReceiveOptions): Promise<WriteResult> {
    let prepared: PreparedReceive
    try {
      this.requireLive('write to')
      prepared = checkReceiveOptions(options)
    } catch (error) {
      destroySource(source)
      throw error
    }
    // The end of the file ends the writing, and nothing half written is handed off or persisted.
    const ending = new AbortController()
    const { signal, detach } = joinSignals(ending.signal, prepared.signal)
    const work = this.#replaceBy(source, { ...prepared, signal })
    const settled = work.then(nothing, nothing)
    const done = this.track({
      writes: true,
      close: () => {
        ending.abort(removedError('This temporary file was removed while it was written.'))
        return settled
      },
    })
    let result: WriteResult
    try {
      result = await work
    } finally {
      done()
      detach()
    }
    await prepared.inspect?.(this)
    return result
  }

  async #replaceBy(source: Source, prepared: PreparedReceive): Promise<WriteResult> {
    const { fs, quota } = this.context
    let fd: number
    try {
      fd = await open(fs, this.path, constants.O_WRONLY | constants.O_TRUNC | NO_FOLLOW, 0o600)
    } catch (error) {
      destroySource(source)
      throw this.#openError(error)
    }
    this.#recharge(0)
    let result: WriteResult
    try {
      result = await fill({ fs, fd, directory: this.session.path, quota }, source, prepared)
    } catch (error) {
      await close(fs, fd)
      this.#empty()
      throw error
    }
    await close(fs, fd)
    this.#recharge(result.bytes)
    return result
  }

  /** What was counted for the old content is given back; `bytes` are counted already. */
  #recharge(bytes: number): void {
    this.context.quota.giveBack(this.charged)
    this.charge(bytes)
    if (bytes > 0 && this.removed) this.context.quota.giveBack(bytes)
  }

  createReadStream(options: ReadStreamOptions = {}): Readable {
    this.requireLive('read')
    return this.#watch(this.context.fs.createReadStream(this.path, { ...options, flags: 'r' }), false)
  }

  createWriteStream(options: WriteStreamOptions = {}): Writable {
    this.requireLive('write to')
    return this.#watch(this.context.fs.createWriteStream(this.path, { flags: 'w', ...options }), true)
  }

  async open(flags: string | number = 'r+'): Promise<FileHandle> {
    this.requireLive('open')
    // The interface is loose about handles; what a file system returns here is its own FileHandle.
    const opening = this.context.fs.promises.open(this.path, flags) as Promise<FileHandle>
    let ending = false
    const done = this.track({
      writes: flags !== 'r',
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
      throw this.#openError(error)
    }
    if (ending) throw removedError('This temporary file was removed while it was opened.')
    const close = handle.close.bind(handle)
    handle.close = async () => {
      done()
      await close()
    }
    return handle
  }

  async blob(options: { type?: string | undefined } = {}): Promise<Blob> {
    this.requireLive('read')
    const { fs } = this.context
    try {
      const type = options.type ?? ''
      if (fs.openAsBlob !== undefined) return await fs.openAsBlob(this.path, { type })
      return new Blob([await fs.promises.readFile(this.path)], { type })
    } catch (error) {
      throw this.#openError(error)
    }
  }

  async size(): Promise<number> {
    this.requireLive('measure')
    try {
      return (await statsOf(this.context.fs, this.path)).size
    } catch (error) {
      throw this.#openError(error)
    }
  }

  /** Registers a stream until its descriptor is closed. */
  #watch<T extends Readable | Writable>(stream: T, writes: boolean): T {
    const closed = new Promise<void>((resolve) => stream.once('close', resolve))
    const done = this.track({
      writes,
      close: () => {
        stream.once('error', () => {}) // destroyed on purpose: its user did not ask to hear of it
        stream.destroy()
        return closed
      },
    })
    stream.once('close', done)
    return stream
  }

  // A failed write leaves an empty file, not half of one.
  #empty(): void {
    const { fs } = this.context
    try {
      fs.closeSync(fs.openSync(this.path, constants.O_WRONLY | constants.O_TRUNC | NO_FOLLOW))
    } catch {
      // Gone, or not writable now: the error of the write itself is what the caller needs.
    }
  }

  #openError(error: unknown): TempFileError {
    if (errnoOf(error) !== 'ENOENT') return ioError(error, 'open a temporary file', this.path)
    const why = this.removed ? 'while it was opened' : 'by somebody else'
    return removedError(`This temporary file was removed ${why}.`, { cause: error, path: this.path })
  }
}

function removedError(message: string, options?: TempFileErrorOptions): TempFileError {
  return new TempFileError('ERR_TEMP_REMOVED', message, options)
}

function nothing(): void {}

class ReceivedFileEntry extends FileEntry implements ReceivedFile {
  readonly #result: WriteResult

  constructor(
    session: Session,
    sequence: number,
    naming: Naming,
    holding: Holding | undefined,
    result: WriteResult,
  ) {
    super(session, sequence, naming.affixes, holding)
    this.#result = result
    this.charge(result.bytes)
  }

  get bytes(): number {
    return this.#result.bytes
  }

  get digest(): string | undefined {
    return this.#result.digest
  }

  get detectedType(): string | undefined {
    return this.#result.detectedType
  }
}

/** Makes a file: open(2) and close(2). Throws the system's error, or ERR_TEMP_QUOTA. */
export function createFile(session: Session, naming: Naming): FileEntry {
  const { context } = session
  const { fs } = context
  context.quota.addEntry()
  const sequence = ++session.sequence
  let holding: Holding | undefined
  try {
    if (naming.exact !== undefined) holding = makeWrapper(session, sequence, naming.affixes, naming.exact)
    const path = holding?.path ?? inside(session.path, nameOf(session, sequence, naming.affixes))
    const fd = fs.openSync(path, CREATE_FLAGS, naming.mode ?? 0o600)
    if (session.mendsModes || naming.mode !== undefined) setMode(session, fd, naming)
    fs.closeSync(fd)
  } catch (error) {
    context.quota.dropEntry()
    holding?.discardSync()
    throw creationError(error, session.path)
  }
  context.counters.filesCreated++
  return new FileEntry(session, sequence, naming.affixes, holding).announce()
}

/** As {@link createFile}, without holding the event loop. */
export async function createFileAsync(session: Session, naming: Naming): Promise<FileEntry> {
  const opened = await openNew(session, naming)
  await close(session.context.fs, opened.fd)
  return new FileEntry(session, opened.sequence, naming.affixes, opened.holding).announce()
}

/** Makes a file and fills it from `source`; on any failure nothing of it stays. */
export async function receiveFile(
  session: Session,
  naming: Naming,
  source: Source,
  prepared: PreparedReceive,
): Promise<ReceivedFileEntry> {
  const { fs, quota } = session.context
  const opened = await openNew(session, naming)
  const { fd, path, holding, sequence } = opened
  let result: WriteResult
  try {
    result = await fill({ fs, fd, directory: session.path, quota }, source, prepared)
  } catch (error) {
    await close(fs, fd)
    await discard(session, path, holding)
    throw error
  }
  await close(fs, fd)
  const file = new ReceivedFileEntry(session, sequence, naming, holding, result).announce()
  if (prepared.inspect === undefined) return file
  try {
    await prepared.inspect(file)
  } catch (error) {
    await file.remove()
    throw error
  }
  return file
}

interface Opened {
  readonly fd: number
  readonly path: string
  readonly sequence: number
  readonly holding: Holding | undefined
}

async function openNew(session: Session, naming: Naming): Promise<Opened> {
  const { context } = session
  context.quota.addEntry()
  const sequence = ++session.sequence
  let holding: Holding | undefined
  try {
    if (naming.exact !== undefined) holding = makeWrapper(session, sequence, naming.affixes, naming.exact)
    const path = holding?.path ?? inside(session.path, nameOf(session, sequence, naming.affixes))
    const fd = await open(context.fs, path, CREATE_FLAGS, naming.mode ?? 0o600)
    if (session.mendsModes || naming.mode !== undefined) setMode(session, fd, naming)
    context.counters.filesCreated++
    return { fd, path, sequence, holding }
  } catch (error) {
    context.quota.dropEntry()
    await holding?.discard()
    throw creationError(error, session.path)
  }
}

/** Closes the descriptor when it fails: nobody else would. */
function setMode(session: Session, fd: number, naming: Naming): void {
  const { fs } = session.context
  try {
    fs.fchmodSync(fd, naming.mode ?? 0o600)
  } catch (error) {
    fs.closeSync(fd)
    throw error
  }
}

async function discard(session: Session, path: string, holding: Holding | undefined): Promise<void> {
  session.context.quota.dropEntry()
  try {
    if (holding !== undefined) await holding.discard()
    else await fineIfGone(() => session.context.fs.promises.unlink(path))
  } catch {
    // It stays in the session, and goes with it; the error that made us give up matters more.
  }
}
