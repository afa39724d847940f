// A partial upload as its user holds it. Guarantee: leaving its scope gives it back; a refused one is deleted.

import { Readable } from 'node:stream'
import { clocksNow } from '../claimable/expiry.ts'
import { checkMeta } from '../claimable/handoff-record.ts'
import { lastByteAt, leftOf } from '../claimable/upload-expiry.ts'
import { TempFileError } from '../errors.ts'
import { asyncDispose } from '../runtime/dispose.ts'
import { orClosed } from '../session/closed.ts'
import { openIntake } from '../streams/intake.ts'
import type { ByteSource, Claim, Json } from '../types.ts'
import { append } from './append.ts'
import { finish } from './finish.ts'
import { readAnswer, readResult, type UploadResult, writeAnswer } from './finished.ts'
import type { UploadHold } from './hold.ts'
import { requireRoom } from './reserve.ts'
import { checkMostBytes, prepareAppend, prepareDeclaration, prepareFinish } from './rules.ts'
import { isRefusal, uploadEnded } from './upload-errors.ts'
import type { AnsweredUpload, AppendOptions, FinishedUpload, UploadRules } from './upload-types.ts'

/** The parts of a manager that its uploads use. */
export interface UploadDoor {
  /** Aborts when the manager closes. */
  readonly closing: AbortSignal
  claim(ticket: string): Promise<Claim<unknown>>
}

export class Upload implements AnsweredUpload {
  readonly #hold: UploadHold
  readonly #door: UploadDoor
  #busy: Promise<unknown> | undefined

  constructor(hold: UploadHold, door: UploadDoor) {
    this.#hold = hold
    this.#door = door
  }

  get id(): string {
    return this.#hold.id
  }

  get offset(): number {
    return this.#hold.state.done ? this.#hold.offset : Math.max(this.#hold.offset, this.#hold.position)
  }

  get length(): number | undefined {
    return this.#hold.state.done ? this.#hold.offset : this.#hold.length
  }

  get originalName(): string | undefined {
    return this.#hold.record.originalName
  }

  get type(): string | undefined {
    return this.#hold.record.type
  }

  get meta(): unknown {
    return this.#hold.record.meta
  }

  get protocol(): unknown {
    return this.#hold.record.protocol
  }

  get createdAtMs(): number {
    return this.#hold.record.createdAt
  }

  get lastByteAtMs(): number | undefined {
    return lastByteAt(this.#hold.session.context, this.#hold.directory, this.#hold.state)?.volumeMs
  }

  get expiresInMs(): number | undefined {
    const { session, directory, id } = this.#hold
    return leftOf(session.context, directory, id, clocksNow(session.context))
  }

  get finished(): FinishedUpload | undefined {
    const { state, session, directory } = this.#hold
    const result = state.done ? readResult(session.context, directory) : undefined
    return result === undefined ? undefined : this.#outcome(result)
  }

  get answer(): Json | undefined {
    const { state, session, directory } = this.#hold
    return state.done ? readAnswer(session.context, directory) : undefined
  }

  async keepAnswer(answer: unknown): Promise<void> {
    const { session, directory, record, state } = this.#hold
    const json = checkMeta(answer)
    this.#requireOpen()
    if (state.done && json !== undefined)
      await session.during(writeAnswer(session.context, directory, json, record.durable))
  }

  async append(source: ByteSource, options: AppendOptions = {}): Promise<number> {
    const keep = options?.keepSource === true
    const intake = openIntake(source, keep) // first of all: the source may fail while the file is being opened
    try {
      const prepared = prepareAppend(options)
      this.#requireOpen()
      if (this.#hold.state.done) throw uploadEnded()
      const signals = [this.#door.closing, prepared.signal]
      return await this.#exclusively(() => append(this.#hold, intake, { ...prepared, signals }))
    } catch (error) {
      intake.stop(error, keep)
      if (isRefusal(error)) await this.discard()
      throw error
    }
  }

  read(): Readable {
    this.#requireOpen()
    const { fs } = this.#hold.session.context
    if (this.offset === 0) return Readable.from([])
    return fs.createReadStream(this.#hold.path, { end: this.offset - 1, highWaterMark: 1024 * 1024 })
  }

  async declareLength(length: number, rules: UploadRules = {}): Promise<void> {
    const prepared = prepareDeclaration(rules)
    this.#requireOpen()
    const known = this.#hold.length
    if (known !== undefined && known === length) return
    if (known !== undefined || !Number.isSafeInteger(length) || length < this.offset)
      throw new TempFileError(
        'ERR_TEMP_OPTION_INVALID',
        'The length must be a whole number of bytes, not below the bytes received, and is declared once.',
      )
    const { session, id } = this.#hold
    checkMostBytes(length, prepared, session.quota)
    await requireRoom(session, id, length)
    await this.#hold.declareLength(length)
  }

  async finish(options: UploadRules = {}): Promise<FinishedUpload> {
    const rules = prepareFinish(options)
    const result = await this.#exclusively(() => {
      const signals = [this.#door.closing, this.#hold.takenOver.signal]
      return finish(this.#hold, { ...rules, signals })
    })
    return this.#outcome(result)
  }

  async release(): Promise<void> {
    await this.#busy
    await this.#hold.session.during(this.#hold.release())
  }

  async discard(): Promise<void> {
    this.#hold.takenOver.abort(uploadEnded())
    await this.#busy
    await this.#hold.session.during(this.#hold.discard())
  }

  [asyncDispose](): Promise<void> {
    return this.release()
  }

  #requireOpen(): void {
    this.#hold.requireHeld()
    if (this.#busy === undefined) return
    throw new TempFileError(
      'ERR_TEMP_OPTION_INVALID',
      'This upload is being appended to or finished. Wait for that first.',
    )
  }

  async #exclusively<T>(work: () => Promise<T>): Promise<T> {
    this.#requireOpen()
    const { session } = this.#hold
    session.requireClaims() // the end of a session waits for what runs, and not for what starts meanwhile
    const running = session.during(work()).catch((error: unknown) => {
      throw orClosed(session, error)
    })
    this.#busy = running.then(
      () => {},
      () => {},
    )
    try {
      return await running
    } finally {
      this.#busy = undefined
    }
  }

  #outcome(result: UploadResult): FinishedUpload {
    const { record } = this.#hold
    const { ticket, digests } = result
    const door = this.#door
    return {
      ...result,
      id: this.id,
      digest: record.hash === undefined ? undefined : digests[record.hash],
      originalName: record.originalName,
      type: record.type,
      meta: record.meta,
      claim: () => door.claim(ticket),
    }
  }
}
