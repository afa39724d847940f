// The DataStore of @tus/server over partial uploads. Guarantee: an offset it reports is on the disk, and that of a complete
// upload is reported only once the upload is finished; a finished upload is one handoff, whose ticket ticketOf() gives as
// long as the upload is known.

import { AsyncLocalStorage } from 'node:async_hooks'
import type { Readable } from 'node:stream'
import { DataStore, ERRORS, Upload } from '@tus/server'
import type {
  CreateUploadOptions,
  FileRules,
  FinishedUpload,
  PartialUpload,
  TempFileManager,
} from '../index.ts'
import { requireManager } from '../input/program-objects.ts'
import { fileBytesOf } from '../runtime/manager-members.ts'
import { log } from '../runtime/observe.ts'
import { uploadGone } from '../uploads/upload-errors.ts'
import type { AnsweredUpload } from '../uploads/upload-types.ts'
import { joinParts, lengthOfParts, type Remembered, rememberedOf } from './concatenation.ts'
import type { RequestFacts } from './request-facts.ts'
import { askAgain, FINAL, toTusError } from './tus-errors.ts'
import {
  checkStoreOptions,
  type FinishedTusUpload,
  type HookAnswer,
  isFailure,
  type TempFileStoreOptions,
} from './tus-options.ts'

/**
 * A DataStore for a `Server` of `@tus/server` of your own: each upload is a partial upload of the manager and ends as one
 * handoff, whose ticket {@link TempFileStore.ticketOf} returns. The locker is passed to the Server too. Checksums,
 * concatenation and calls of `onFinish` that are repeated need {@link tusServer}.
 * @throws ERR_TEMP_OPTION_INVALID
 */
export class TempFileStore extends DataStore {
  override extensions = [
    'creation',
    'creation-with-upload',
    'creation-defer-length',
    'termination',
    'expiration',
  ]
  readonly #manager: TempFileManager
  readonly #options: ReturnType<typeof checkStoreOptions>
  readonly #ttlMs: number
  readonly #facts = new AsyncLocalStorage<RequestFacts>()

  constructor(manager: TempFileManager, options: TempFileStoreOptions = {}) {
    super()
    this.#manager = requireManager(manager, 'The first argument')
    this.#options = checkStoreOptions(options)
    this.#ttlMs = this.#options.ttl ?? 24 * 3_600_000
  }

  /** @internal The most bytes of a file; undefined where neither an option nor the manager limits them. */
  get mostBytes(): number | undefined {
    const { accept, maxBytes } = this.#options
    const limits = [maxBytes, accept?.maxBytes, fileBytesOf(this.#manager)]
    const most = Math.min(...limits.map((limit) => limit ?? Number.POSITIVE_INFINITY))
    return most === Number.POSITIVE_INFINITY ? undefined : most
  }

  /** The result of a finished upload. @throws ERR_TEMP_HANDOFF_GONE when it is not finished, or not known any more */
  async finished(id: string): Promise<FinishedUpload> {
    return await this.#open(id, async (upload) => {
      if (upload.finished === undefined) throw uploadGone()
      return upload.finished
    })
  }

  /** The handoff's ticket of a finished upload: for `onUploadFinish`. @throws as {@link finished} */
  async ticketOf(id: string): Promise<string> {
    return (await this.finished(id)).ticket
  }

  /** @tus/server asks for the last spelling. */
  override hasExtension(extension: string): boolean {
    return super.hasExtension(extension === 'concatentation' ? 'concatenation' : extension)
  }

  override async create(file: Upload): Promise<Upload> {
    const concat = this.#facts.getStore()?.concat
    try {
      const upload = await this.#manager.createUpload(this.#creationOf(file, concat))
      const kept = this.#options.locker?.keep(file.id, upload) === true
      try {
        if (file.size === 0 && concat === undefined) await upload.finish(this.#rules())
      } finally {
        if (!kept) await upload.release()
      }
    } catch (error) {
      throw toTusError(error)
    }
    file.creation_date = new Date().toISOString()
    file.storage = { type: 'temp-file-manager', path: file.id }
    return file
  }

  override async write(stream: Readable, id: string, _offset: number): Promise<number> {
    return await this.#using(id, async (upload) => {
      const digest = this.#facts.getStore()?.checksum
      const { concat } = rememberedOf(upload)
      const rules = this.#rules(concat)
      if (upload.finished !== undefined) return upload.offset
      const last = concat === undefined && upload.length !== undefined
      const keepSource = true // @tus/server answers with the error that its stream ends with; that must be the refusal
      await upload.append(stream, { ...rules, ...(digest && { digests: [digest] }), last, keepSource })
      if (upload.offset === upload.length && concat === undefined) await upload.finish(rules)
      return upload.offset
    })
  }

  override async getUpload(id: string): Promise<Upload> {
    return await this.#using(id, async (upload) => {
      const { metadata, concat } = rememberedOf(upload)
      await this.#finishComplete(upload)
      const facts = this.#facts.getStore()
      if (facts?.writes === true && concat?.startsWith('final;')) throw FINAL
      if (facts !== undefined) facts.seen = { concat, finished: upload.finished !== undefined }
      const left = upload.expiresInMs ?? this.#ttlMs
      const made = new Upload({
        id,
        offset: upload.offset,
        ...(upload.length === undefined ? {} : { size: upload.length }),
        ...(metadata === undefined ? {} : { metadata }),
        // @tus/server counts the time to live from here; we count it from the last byte.
        creation_date: new Date(Date.now() + left - this.#ttlMs).toISOString(),
        storage: { type: 'temp-file-manager', path: upload.finished?.ticket ?? id },
      })
      return made
    })
  }

  override async declareUploadLength(id: string, length: number): Promise<void> {
    await this.#using(id, (upload) => upload.declareLength(length, { maxBytes: this.mostBytes }))
  }

  override async remove(id: string): Promise<void> {
    await this.#using(id, (upload) => upload.discard())
  }

  /** Removes what is overdue; the manager's own sweep does so too. Returns how many uploads expired. */
  override async deleteExpired(): Promise<number> {
    return (await this.#manager.sweep()).uploadsExpired.length
  }

  override getExpiration(): number {
    return this.#ttlMs
  }

  /** @internal Runs the handler of one request. */
  async during<T>(facts: RequestFacts, handle: () => Promise<T>): Promise<T> {
    return await this.#facts.run(facts, handle)
  }

  /**
   * @internal Returns the answer to the last byte of a finished upload: that of an earlier call, else that of `answer`,
   * which is kept unless it is a failure. The caller holds the upload's lock.
   */
  async answerTo(
    id: string,
    answer: (upload: FinishedTusUpload) => Promise<HookAnswer>,
  ): Promise<HookAnswer> {
    return await this.#using(id, async (upload) => {
      const { metadata, concat } = rememberedOf(upload)
      if (concat === 'partial') return {}
      const answered = upload as AnsweredUpload // uploads of every manager are
      const kept = answered.answer as HookAnswer | undefined // kept below
      if (kept !== undefined) return kept
      const { finished } = upload
      if (finished === undefined) throw ERRORS.FILE_NOT_FOUND
      const { status_code, headers, body } = await answer({ ...finished, metadata })
      const given = {
        ...(status_code && { status_code }),
        ...(headers && { headers }),
        ...(body && { body }),
      }
      if (!isFailure(given)) {
        const lost = (error: unknown): void => log.upload('the answer to %s was not kept: %s', id, error)
        await answered.keepAnswer(given).catch(lost) // it is given all the same; a later request asks again
      }
      return given
    })
  }

  /** @internal The bytes of a final upload of these parts. */
  async lengthOf(parts: readonly string[]): Promise<number> {
    return await asTusError(() => lengthOfParts(this.#manager, parts))
  }

  /** @internal Creates the final upload of these partial ones, in their order. The caller holds its lock. */
  async concatenate(file: Upload, parts: readonly string[], concat: string): Promise<void> {
    await asTusError(() => joinParts(this.#manager, parts, this.#creationOf(file, concat)))
  }

  /** @internal Removes the parts of a final upload that is complete. A part that is not removed expires. */
  async removeParts(parts: readonly string[]): Promise<void> {
    for (const id of new Set(parts)) await this.remove(id).catch((error: unknown) => left(id, error))
  }

  /** @internal Removes a finished upload with its handoff: the client does not get its URL. */
  async withdraw(id: string): Promise<void> {
    try {
      await this.#manager.discard(await this.ticketOf(id))
      await this.remove(id)
    } catch (error) {
      left(id, error)
    }
  }

  /** Finishes an upload whose last request ended after its last byte and before the finish. */
  async #finishComplete(upload: PartialUpload): Promise<void> {
    const { offset, length, finished, expiresInMs = 1 } = upload
    if (finished !== undefined || offset !== length || expiresInMs <= 0) return
    if (rememberedOf(upload).concat === 'partial') return
    try {
      await upload.finish(this.#rules())
    } catch (error) {
      throw askAgain(toTusError(error))
    }
  }

  #creationOf(file: Upload, concat: string | undefined): CreateUploadOptions {
    const { ttl, maxAge, durable, hash } = this.#options
    const { id, size, metadata } = file
    const protocol: Remembered = { ...(metadata && { metadata }), ...(concat && { concat }) }
    return {
      ...this.#rules(concat),
      id,
      length: size,
      originalName: metadata?.['filename'] ?? undefined,
      type: metadata?.['filetype'] ?? undefined,
      protocol,
      ttl,
      maxAge,
      durable,
      hash,
    }
  }

  /** The rules for an upload with this Upload-Concat: a part has no type, and may be as large as a file. */
  #rules(concat?: string): { accept?: FileRules; maxBytes: number | undefined } {
    const { accept } = this.#options
    return {
      ...(accept === undefined || concat === 'partial' ? {} : { accept }),
      maxBytes: this.mostBytes,
    }
  }

  /** Works on the upload that the request's lock holds, or opens it for this call. */
  async #open<T>(id: string, work: (upload: PartialUpload) => Promise<T>): Promise<T> {
    const held = this.#options.locker?.open(id)
    if (held !== undefined) return await work(await held)
    await using upload = await this.#manager.openUpload(id, { whenBusy: 'take-over' })
    return await work(upload)
  }

  #using<T>(id: string, work: (upload: PartialUpload) => Promise<T>): Promise<T> {
    return asTusError(() => this.#open(id, work))
  }
}

async function asTusError<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    throw toTusError(error)
  }
}

/** The client's request succeeds, or fails for another reason; what is left expires. */
function left(id: string, error: unknown): void {
  log.upload('%s was not removed: %s', id, error)
}
