// Appends a source to a partial upload. Guarantee: memory is constant; the bytes before an interruption are kept, in order and
// without a gap; bytes beyond the declared length, of a refused type or with a wrong digest are not kept.

import { close } from '../disk/descriptors.ts'
import { ioError } from '../errors.ts'
import { onAbort } from '../runtime/abort.ts'
import { log } from '../runtime/observe.ts'
import { BlockWriter } from '../streams/block-writer.ts'
import { FirstFailure } from '../streams/first-failure.ts'
import type { Intake } from '../streams/intake.ts'
import { tooLarge } from '../streams/receive-options.ts'
import { EarlyHead } from './early-head.ts'
import { ExpectedDigests } from './expected-digests.ts'
import type { UploadHold } from './hold.ts'
import { requireRoom } from './reserve.ts'
import type { PreparedAppend } from './rules.ts'
import {
  appendTooLarge,
  appendTooSmall,
  appendTruncated,
  beyondLength,
  isRefusal,
  keptError,
  uploadTakenOver,
} from './upload-errors.ts'

/** How often the bytes received so far are put on the disk, and how often the requests of other processes are looked for. */
const CHECKPOINT_MS = 1000
const LOOK_MS = 250

/** Appends and returns the new offset. */
export async function append(hold: UploadHold, intake: Intake, options: PreparedAppend): Promise<number> {
  try {
    return await (await AppendRun.open(hold, options)).run(intake)
  } catch (error) {
    throw ioError(error, 'append to the upload', hold.path)
  }
}

interface Opened {
  readonly fd: number
  readonly limit: number
  readonly head: EarlyHead | undefined
  /** The bytes of all other uploads, where this one has reserved none. */
  readonly others: number | undefined
}

class AppendRun {
  readonly #hold: UploadHold
  readonly #options: PreparedAppend
  readonly #fd: number
  readonly #start: number
  readonly #limit: number
  readonly #others: number | undefined
  readonly #writer: BlockWriter
  readonly #head: EarlyHead | undefined
  readonly #digests: ExpectedDigests
  readonly #first = new FirstFailure()
  #received = 0
  #written = 0
  #block: { readonly bytes: Uint8Array; readonly at: number } | undefined
  #checkpointed: number
  #checkpoint: Promise<void> | undefined
  #checkedAt = performance.now()
  #flushing: Promise<void> | undefined
  /** The chunk for which the source waits: a part of it may not be in a block yet. */
  #pending: Promise<void> | undefined
  #over = false

  static async open(hold: UploadHold, options: PreparedAppend): Promise<AppendRun> {
    hold.requireHeld()
    const { quota } = hold.session
    const limit = Math.min(options.rules.maxBytes, quota.fileBytes, hold.length ?? Number.POSITIVE_INFINITY)
    const least = hold.position + (options.expectedBytes ?? 0)
    const others = hold.length === undefined ? await requireRoom(hold.session, hold.id, least) : undefined
    const head = await EarlyHead.open(hold, options.rules)
    const fd = await hold.openData()
    return new AppendRun(hold, options, { fd, limit, head, others })
  }

  private constructor(hold: UploadHold, options: PreparedAppend, { fd, limit, head, others }: Opened) {
    this.#hold = hold
    this.#options = options
    this.#fd = fd
    this.#limit = limit
    this.#others = others
    this.#head = head
    this.#start = hold.position
    this.#written = hold.position
    this.#checkpointed = hold.offset
    this.#digests = new ExpectedDigests(options.digests)
    const { quota, context } = hold.session
    this.#writer = new BlockWriter({
      fs: context.fs,
      fd,
      position: hold.position,
      beforeBlock: (block) => {
        this.#settleBlock()
        this.#block = { bytes: block, at: this.#written }
        if (quota.minFreeBytes === 0 || hold.length !== undefined) return undefined
        return quota.checkFree(hold.session.path, block.length)
      },
      duringBlock: (block) => {
        hold.digest.update(block)
        this.#digests.update(block)
      },
      onError: (error) => this.#first.fail(error),
    })
  }

  async run(intake: Intake): Promise<number> {
    const { session, takenOver } = this.#hold
    const { signals, keepSource } = this.#options
    const unwatch = onAbort([takenOver.signal, ...signals], ({ reason }) =>
      this.#first.fail(keptError(reason)),
    )
    const resource = { close: (): Promise<void> => this.#rewriteBlock() }
    session.resources.add(resource)
    const timer = setInterval(() => this.#look(), LOOK_MS).unref()
    let broken: { readonly error: unknown } | undefined
    try {
      this.#hold.markWriting()
      await this.#first.race(() => intake.run((chunk) => this.#take(chunk)))
    } catch (error) {
      broken = { error }
      intake.stop(error, keepSource)
    } finally {
      clearInterval(timer)
      unwatch()
    }
    try {
      return await this.#finish(broken)
    } finally {
      session.resources.delete(resource)
    }
  }

  /** Puts the bytes received on the disk, whatever ended the source. */
  async #finish(broken: { readonly error: unknown } | undefined): Promise<number> {
    const { fs } = this.#hold.session.context
    let failure = broken
    try {
      if (isRefusal(failure?.error)) {
        await this.#writer.settle()
        throw failure?.error
      }
      await this.#checkpoint
      await this.#pending?.catch((error: unknown) => (failure ??= { error })) // a flush beside it would write its block twice
      const held = this.#head?.release()
      if (held !== undefined) await this.#writer.write(held)
      await this.#writer.flush().catch((error: unknown) => (failure ??= { error }))
      await this.#writer.settle()
      this.#settleBlock()
      await this.#checkpoint
      this.#over = true
      if (failure === undefined) failure = this.#takeBack()
      // A write that failed half way has left a part of its block: the file's size counts, and the hashes do not have that part.
      const offset = failure === undefined ? this.#written : fs.fstatSync(this.#fd).size
      if (this.#hold.digest.offset !== offset) this.#hold.digest.reset()
      this.#hold.position = offset
      const complete = this.#hold.length === undefined || offset === this.#hold.length
      const finishes = failure === undefined && this.#options.last && complete
      if (!finishes) await this.#hold.checkpoint(this.#fd, offset, false)
      if (failure !== undefined) throw failure.error
      this.#checkCount()
      return offset
    } finally {
      this.#over = true
      await close(fs, this.#fd)
    }
  }

  #take(chunk: Uint8Array): Promise<void> | undefined {
    this.#received += chunk.length
    const end = this.#start + this.#received
    if (end > this.#limit) {
      const { length: declared } = this.#hold
      throw declared !== undefined && end > declared ? beyondLength(declared) : tooLarge(this.#limit)
    }
    const { maxAppendBytes: most } = this.#options
    if (most !== undefined && this.#received > most) throw appendTooLarge(most)
    if (this.#others !== undefined) this.#hold.session.quota.checkRoom(this.#others + end)
    this.#hold.position = end
    this.#hold.movedAt = performance.now()
    const written = this.#flushing?.then(() => this.#put(chunk)) ?? this.#put(chunk)
    if (written === undefined) return undefined
    this.#pending = written.finally(() => {
      this.#pending = undefined
    })
    return this.#pending
  }

  #put(chunk: Uint8Array): Promise<void> | undefined {
    if (this.#head !== undefined && !this.#head.judged) return this.#judge(this.#head, chunk)
    return this.#writer.write(chunk)
  }

  async #judge(head: EarlyHead, chunk: Uint8Array): Promise<void> {
    const bytes = await head.take(chunk)
    if (bytes !== undefined) await this.#writer.write(bytes)
  }

  #settleBlock(): void {
    if (this.#block !== undefined) this.#written = this.#block.at + this.#block.bytes.length
    this.#block = undefined
  }

  /** Once in a while: puts the bytes written so far on the disk while more arrive, and looks for a process that waits. */
  #look(): void {
    if (this.#over || this.#checkpoint !== undefined) return
    if (this.#hold.isWanted()) this.#hold.takenOver.abort(uploadTakenOver())
    const due = performance.now() - this.#checkedAt >= CHECKPOINT_MS
    if (!due || this.#hold.position === this.#checkpointed || this.#mayBeTakenBack) return
    this.#checkedAt = performance.now()
    const failed = (error: unknown): void => log.upload('no checkpoint of %s: %s', this.#hold.id, error)
    this.#checkpoint = this.#flushWhenIdle()
      .then(async () => {
        const offset = this.#written
        if (this.#over || offset === this.#checkpointed) return
        await this.#hold.checkpoint(this.#fd, offset, true)
        this.#checkpointed = offset
        void (async () => this.#options.onOffset?.(offset))().catch(failed)
      })
      .catch(failed)
      .finally(() => {
        this.#checkpoint = undefined
      })
  }

  /** A source that pauses has left bytes in memory; new ones wait until these are written. */
  async #flushWhenIdle(): Promise<void> {
    if (this.#pending !== undefined || (this.#head !== undefined && !this.#head.judged)) return
    this.#flushing = this.#writer.flush().then(() => this.#settleBlock())
    try {
      await this.#flushing
    } finally {
      this.#flushing = undefined
    }
  }

  /**
   * At exit a write may be under way in the thread pool while the upload is given back. The same bytes are written again,
   * synchronously. The late write is then harmless: the next writer continues behind these bytes.
   */
  async #rewriteBlock(): Promise<void> {
    const { fs } = this.#hold.session.context
    const block = this.#block
    if (!this.#over && block !== undefined) {
      try {
        fs.writeSync(this.#fd, block.bytes, 0, block.bytes.length, block.at)
      } catch (error) {
        log.upload('the last block of %s was not written: %s', this.#hold.id, error)
      }
    }
  }

  /** An offset that was announced must not decrease. */
  get #mayBeTakenBack(): boolean {
    return this.#digests.any || this.#isTooSmall
  }

  get #isTooSmall(): boolean {
    return this.#received > 0 && this.#received < (this.#options.minAppendBytes ?? 0)
  }

  /** Takes the bytes back when one of their digests differs, or when they are too few. */
  #takeBack(): { readonly error: unknown } | undefined {
    const { minAppendBytes: least = 0 } = this.#options
    const error = this.#isTooSmall ? appendTooSmall(this.#received, least) : this.#digests.mismatch()
    if (error === undefined) return undefined
    this.#hold.session.context.fs.ftruncateSync(this.#fd, this.#start)
    return { error }
  }

  #checkCount(): void {
    const { expectedBytes } = this.#options
    if (expectedBytes === undefined || this.#received === expectedBytes) return
    throw appendTruncated(this.#received, expectedBytes)
  }
}
