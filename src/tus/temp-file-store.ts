// The DataStore of @tus/server over partial uploads. Guarantee: an offset it reports is on the disk; a finished upload is one
// handoff, whose ticket ticketOf() gives as long as the upload is known.

import type { Readable } from 'node:stream'
import { DataStore, ERRORS, Upload } from '@tus/server'
import type { Digest } from '../claimable/upload-record.ts'
import type { Duration, FileRules, FinishedUpload, PartialUpload, Size, TempFileManager } from '../index.ts'
import { boolean, duration, optionsOf, preset, size, unchecked } from '../input/options.ts'
import { toMilliseconds } from '../input/units.ts'
import { type TempFileLocker, toTusError } from './locker.ts'

/** Options of {@link TempFileStore}. */
export interface TempFileStoreOptions {
  /** The locker that the server uses: the store writes through the claims it holds. */
  readonly locker?: TempFileLocker | undefined
  /** What the file must be; the client's `filename` and `filetype` metadata are its declared name and type. */
  readonly accept?: FileRules | undefined
  /** The most bytes of a file. */
  readonly maxBytes?: Size | undefined
  /** How long an unfinished upload waits for its next byte, and a finished one for a late question. Default '1d'. */
  readonly ttl?: Duration | undefined
  /** How long an upload is kept in all. Default '7d'. */
  readonly maxAge?: Duration | undefined
  /** Sync what is acknowledged to the disk. Default true. */
  readonly durable?: boolean | undefined
  /** A digest to compute of every file. */
  readonly hash?: 'sha256' | (string & {}) | undefined
}

const checkOptions = optionsOf('TempFileStore', {
  locker: unchecked<TempFileLocker>(),
  accept: preset(unchecked<FileRules>()),
  maxBytes: size,
  ttl: duration,
  maxAge: duration,
  durable: boolean,
  hash: unchecked<string>(),
})

/** What a tus upload must remember; kept in its record. */
interface Remembered {
  readonly metadata?: Record<string, string | null>
  /** 'partial', or the final one's own Upload-Concat. */
  readonly concat?: string
}

/** @throws ERR_TEMP_OPTION_INVALID */
export class TempFileStore extends DataStore {
  override extensions = [
    'creation',
    'creation-with-upload',
    'creation-defer-length',
    'termination',
    'expiration',
  ]
  readonly #manager: TempFileManager
  readonly #options: ReturnType<typeof checkOptions>
  readonly #ttlMs: number
  readonly #checksums = new Map<string, Digest>()
  readonly #concats = new Map<string, string>()

  constructor(manager: TempFileManager, options: TempFileStoreOptions = {}) {
    super()
    this.#manager = manager
    this.#options = checkOptions(options)
    this.#ttlMs = toMilliseconds(options.ttl ?? '1d', 'ttl')
  }

  /** The result of a finished upload. @throws ERR_TEMP_HANDOFF_GONE when it is not finished, or not known any more */
  async finished(id: string): Promise<FinishedUpload> {
    return await this.#using(id, async (upload) => {
      if (upload.finished === undefined) throw ERRORS.FILE_NOT_FOUND
      return upload.finished
    })
  }

  /** The handoff's ticket of a finished upload: for `onUploadFinish`. */
  async ticketOf(id: string): Promise<string> {
    return (await this.finished(id)).ticket
  }

  /** @tus/server asks for the last spelling. */
  override hasExtension(extension: string): boolean {
    return super.hasExtension(extension === 'concatentation' ? 'concatenation' : extension)
  }

  override async create(file: Upload): Promise<Upload> {
    const { ttl, maxAge, durable, hash } = this.#options
    const concat = this.#concats.get(file.id)
    const protocol: Remembered = {
      ...(file.metadata && { metadata: file.metadata }),
      ...(concat && { concat }),
    }
    try {
      const upload = await this.#manager.createUpload({
        ...(concat === undefined ? this.#rules() : {}),
        id: file.id,
        length: file.size,
        originalName: file.metadata?.['filename'] ?? undefined,
        type: file.metadata?.['filetype'] ?? undefined,
        protocol,
        ttl,
        maxAge,
        durable,
        hash,
      })
      const kept = this.#options.locker?.keep(file.id, upload) === true
      if (file.size === 0 && concat !== 'partial') await upload.finish(this.#rules())
      if (!kept) await upload.release()
    } catch (error) {
      throw toTusError(error)
    }
    file.creation_date = new Date().toISOString()
    file.storage = { type: 'temp-file-manager', path: file.id }
    return file
  }

  override async write(stream: Readable, id: string, _offset: number): Promise<number> {
    return await this.#using(id, async (upload) => {
      const digest = this.#checksums.get(id)
      const { concat } = (upload.protocol ?? {}) as Remembered // written by create()
      const rules = concat === undefined ? this.#rules() : {}
      if (upload.finished !== undefined) return upload.offset
      const last = concat === undefined && upload.length !== undefined
      await upload.append(stream, { ...rules, ...(digest && { digests: [digest] }), last })
      if (upload.offset === upload.length && concat === undefined) await upload.finish(rules)
      return upload.offset
    })
  }

  override async getUpload(id: string): Promise<Upload> {
    return await this.#using(id, async (upload) => {
      const { metadata } = (upload.protocol ?? {}) as Remembered // written by create()
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
    await this.#using(id, (upload) => upload.declareLength(length))
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

  /** @internal The digest of the next bytes of this upload. */
  expectChecksum(id: string, digest: Digest | undefined): void {
    if (digest === undefined) this.#checksums.delete(id)
    else this.#checksums.set(id, digest)
  }

  /** @internal What the upload that is created next is for. */
  expectConcat(id: string, concat: string | undefined): void {
    if (concat === undefined) this.#concats.delete(id)
    else this.#concats.set(id, concat)
  }

  /** @internal The Upload-Concat of an upload. */
  async concatOf(id: string): Promise<string | undefined> {
    return await this.#using(id, async (upload) => (upload.protocol as Remembered | undefined)?.concat)
  }

  /** @internal Creates the final upload of these partial ones, in their order. */
  async concatenate(file: Upload, parts: readonly string[]): Promise<void> {
    const { ttl, maxAge, durable, hash } = this.#options
    try {
      await using upload = await this.#manager.createUpload({
        ...this.#rules(),
        id: file.id,
        originalName: file.metadata?.['filename'] ?? undefined,
        type: file.metadata?.['filetype'] ?? undefined,
        protocol: { ...(file.metadata && { metadata: file.metadata }) },
        ttl,
        maxAge,
        durable,
        hash,
      })
      for (const id of parts) {
        await using part = await this.#manager.openUpload(id, { whenBusy: 'take-over' })
        if ((part.protocol as Remembered | undefined)?.concat !== 'partial' || part.offset !== part.length)
          throw { status_code: 400, body: 'A part is not complete, or not a partial upload\n' }
        await upload.append(part.read(), this.#rules())
      }
      await upload.finish(this.#rules())
      await upload.release()
      for (const id of parts) await this.remove(id)
    } catch (error) {
      throw toTusError(error)
    }
  }

  #rules(): { accept?: FileRules; maxBytes?: number | undefined } {
    const { accept, maxBytes } = this.#options
    return { ...(accept === undefined ? {} : { accept }), maxBytes }
  }

  /** Works on the upload that the request's lock holds, or opens it for this call. */
  async #using<T>(id: string, work: (upload: PartialUpload) => Promise<T>): Promise<T> {
    try {
      const held = this.#options.locker?.open(id)
      if (held !== undefined) return await work(await held)
      await using upload = await this.#manager.openUpload(id, { whenBusy: 'take-over' })
      return await work(upload)
    } catch (error) {
      throw toTusError(error)
    }
  }
}
