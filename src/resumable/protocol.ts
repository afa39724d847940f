// The IETF draft 'Resumable Uploads for HTTP' (draft-ietf-httpbis-resumable-upload, interop version 8), without any
// framework. Guarantee: an offset in a response is on the disk; a request that creates an upload and is not interrupted is
// answered as an ordinary upload; no two requests write to one upload at a time.

import { fileNameOfDisposition } from '../http/receive/part-header.ts'
import { type FinishedUpload, isTempFileError, type PartialUpload, type TempFileManager } from '../index.ts'
import { displayName } from '../input/names.ts'
import { layoutOf } from '../layout.ts'
import { activeWriter } from '../uploads/active.ts'
import type { Exchange } from './exchange.ts'
import {
  booleanField,
  digestField,
  INTEROP_VERSION,
  integerField,
  limitField,
  reprDigest,
  wantedDigest,
} from './fields.ts'
import {
  failure,
  inconsistentLength,
  mismatchingOffset,
  otherVersion,
  problem,
  type Reply,
  reply,
} from './reply.ts'
import type { Prepared } from './resumable-options.ts'

const PARTIAL_UPLOAD = 'application/partial-upload'
const IDLE_LOOK_MS = 1000

/** What of a request's header fields concerns the protocol. */
interface Facts {
  /** Upload-Complete; undefined where the client did not ask for resumability. */
  readonly complete: boolean | undefined
  readonly offset: number | undefined
  readonly length: number | undefined
  /** The interop version is ours, so a 104 may be sent. */
  readonly speaksOurs: boolean
}

export class Protocol {
  readonly #manager: TempFileManager
  readonly #options: Prepared

  constructor(manager: TempFileManager, options: Prepared) {
    this.#manager = manager
    this.#options = options
  }

  /** Answers a request. Never rejects. */
  async handle(exchange: Exchange): Promise<Reply> {
    try {
      return await this.#route(exchange)
    } catch (error) {
      exchange.abandonBody()
      return failure(error, false, tooLargeHeaders(error, this.#limits(undefined)))
    }
  }

  async #route(exchange: Exchange): Promise<Reply> {
    const { method, uploadId } = exchange
    const version = exchange.header('upload-draft-interop-version')
    if (version !== undefined && version.trim() !== INTEROP_VERSION) {
      exchange.abandonBody()
      return otherVersion()
    }
    if (method === 'OPTIONS') return reply(204, { 'Upload-Limit': this.#limits(undefined), Allow: ALLOW })
    await this.#options.authorize?.(exchange)
    const facts: Facts = {
      complete: booleanField(exchange.header('upload-complete')),
      offset: integerField(exchange.header('upload-offset')),
      length: integerField(exchange.header('upload-length')),
      speaksOurs: version !== undefined,
    }
    if (uploadId === undefined) return await this.#create(exchange, facts)
    if (method === 'HEAD' || method === 'GET') return await this.#retrieve(uploadId)
    if (method === 'PATCH') return await this.#append(exchange, uploadId, facts)
    if (method === 'DELETE') return await this.#cancel(uploadId)
    exchange.abandonBody()
    return problem(405, 'An upload takes HEAD, GET, PATCH and DELETE.', { headers: { Allow: ALLOW } })
  }

  /** Section 4.2. */
  async #create(exchange: Exchange, facts: Facts): Promise<Reply> {
    if (!['POST', 'PUT', 'PATCH'].includes(exchange.method)) {
      return problem(405, 'Files are sent here with POST or PUT.', {
        headers: { Allow: 'POST, PUT, OPTIONS' },
      })
    }
    const { contentLength } = exchange
    const whole = facts.complete !== false
    const length = facts.length ?? (whole ? contentLength : undefined)
    const refusal = this.#refusal(exchange, facts, { offset: 0, length, creating: true })
    if (refusal !== undefined) return refusal
    const upload = await this.#manager.createUpload({ ...this.#rules(), ...this.#creation(exchange, length) })
    const location = `${(this.#options.path ?? exchange.path).replace(/\/+$/, '')}/${upload.id}`
    const about = { Location: location, 'Upload-Limit': this.#limits(upload) }
    if (facts.complete !== undefined) inform(exchange, facts, about)
    const resumable = facts.complete !== undefined
    return await this.#receive(exchange, upload, {
      facts,
      whole,
      resumable,
      about,
      base: { Location: location },
    })
  }

  #creation(exchange: Exchange, length: number | undefined) {
    const { ttl, maxAge, durable, hash } = this.#options
    const fileName = fileNameOfDisposition(exchange.header('content-disposition') ?? '')
    const [expectedDigest] = digestField(exchange.header('repr-digest'))
    const type = exchange.header('content-type')?.split(';', 1)[0]?.trim().toLowerCase()
    return {
      length,
      originalName: fileName === undefined ? undefined : displayName(fileName),
      type: type === '' || type === PARTIAL_UPLOAD ? undefined : type,
      meta: this.#options.meta?.(exchange),
      ttl,
      maxAge,
      durable,
      hash: hash ?? wantedDigest(exchange.header('want-repr-digest')),
      expectedDigest,
    }
  }

  /** Section 4.3: a request under way ends first, so that the offset told is one that an append will find. */
  async #retrieve(id: string): Promise<Reply> {
    await using upload = await this.#open(id)
    const done = upload.finished !== undefined
    return reply(204, {
      'Upload-Offset': String(upload.offset),
      'Upload-Complete': done ? '?1' : '?0',
      ...(upload.length === undefined ? {} : { 'Upload-Length': String(upload.length) }),
      'Upload-Limit': this.#limits(upload),
      'Cache-Control': 'no-store',
    })
  }

  /** Section 4.4. */
  async #append(exchange: Exchange, id: string, facts: Facts): Promise<Reply> {
    const refuse = (refused: Reply): Reply => {
      exchange.abandonBody()
      return refused
    }
    const { offset, complete } = facts
    if (exchange.header('content-type')?.split(';', 1)[0]?.trim().toLowerCase() !== PARTIAL_UPLOAD)
      return refuse(problem(415, `An append has the media type ${PARTIAL_UPLOAD}.`))
    if (offset === undefined || complete === undefined)
      return refuse(problem(400, 'An append needs Upload-Offset and Upload-Complete.'))
    // One that a running request has passed cannot be served: that request goes on.
    const running = activeWriter({ layout: layoutOf(this.#manager.root) }, id)
    if (running !== undefined && running.position !== offset)
      return refuse(mismatchingOffset(running.position, offset))
    const upload = await this.#open(id)
    let refusal: Reply | undefined
    try {
      refusal = await this.#prepareAppend(exchange, upload, facts)
    } catch (error) {
      await upload.release()
      throw error
    }
    if (refusal !== undefined) {
      await upload.release()
      return refuse(refusal)
    }
    const about = { 'Upload-Limit': this.#limits(upload) }
    return await this.#receive(exchange, upload, { facts, whole: complete, resumable: true, about, base: {} })
  }

  /** What refuses an append to this upload, or answers it at once; records the length otherwise. */
  async #prepareAppend(exchange: Exchange, upload: PartialUpload, facts: Facts): Promise<Reply | undefined> {
    const { offset, length } = upload
    if (upload.finished !== undefined) return await this.#repeat(exchange, upload.finished, facts)
    if (offset !== facts.offset) return mismatchingOffset(offset, facts.offset ?? 0)
    const refusal = this.#refusal(exchange, facts, {
      offset,
      length: length ?? facts.length,
      creating: false,
    })
    const declared = facts.length ?? totalOf(exchange, facts, offset)
    if (refusal === undefined && declared !== undefined) await upload.declareLength(declared)
    return refusal
  }

  /** An append to a finished upload: the client lost the answer, and gets it again. */
  async #repeat(exchange: Exchange, finished: FinishedUpload, facts: Facts): Promise<Reply> {
    if (facts.offset !== finished.bytes) return mismatchingOffset(finished.bytes, facts.offset ?? 0)
    if (facts.complete === true && (exchange.contentLength ?? 0) === 0)
      return await this.#completed(exchange, finished)
    return problem(400, 'The upload is complete: nothing can be appended.', {
      headers: { 'Upload-Complete': '?0' },
    })
  }

  /** Section 4.5. */
  async #cancel(id: string): Promise<Reply> {
    const upload = await this.#open(id)
    await upload.discard()
    return reply(204)
  }

  /** The content of a creation or an append, up to the answer. Ends the hold on the upload. */
  async #receive(
    exchange: Exchange,
    upload: PartialUpload,
    request: {
      facts: Facts
      whole: boolean
      resumable: boolean
      about: Record<string, string>
      base: Record<string, string>
    },
  ): Promise<Reply> {
    const { facts, whole, resumable, about, base } = request
    let received = false
    try {
      await this.#store(exchange, upload, { facts, whole, base })
      received = true
      if (!whole) {
        return reply(base['Location'] === undefined ? 204 : 201, {
          ...about,
          'Upload-Complete': '?0',
          'Upload-Offset': String(upload.offset),
        })
      }
      await this.#options.authorize?.(exchange) // a permission may have ended since the creation
      const finished = await upload.finish(this.#rules())
      await upload.release()
      return withHeaders(await this.#completed(exchange, finished), resumable ? about : {})
    } catch (error) {
      exchange.abandonBody()
      if (!resumable) await upload.discard()
      return this.#failed(error, upload, { received, about })
    } finally {
      await upload.release()
    }
  }

  async #store(
    exchange: Exchange,
    upload: PartialUpload,
    { facts, whole, base }: { facts: Facts; whole: boolean; base: Record<string, string> },
  ): Promise<void> {
    const digests = digestField(exchange.header('content-digest'))
    if (exchange.contentLength === 0 && digests.length === 0) return
    const idle = new IdleWatch(upload, this.#options.timeout ?? 60_000)
    try {
      await upload.append(exchange.body, {
        ...this.#rules(),
        digests,
        signal: idle.signal,
        expectedBytes: exchange.contentLength,
        last: whole,
        keepSource: true,
        onOffset: (offset) => {
          if (facts.complete !== undefined)
            inform(exchange, facts, { ...base, 'Upload-Offset': String(offset) })
        },
      })
    } finally {
      idle.end()
    }
  }

  #failed(
    error: unknown,
    upload: PartialUpload,
    { received, about }: { received: boolean; about: Record<string, string> },
  ): Reply {
    const limit = isTempFileError(error) ? error.details?.['limit'] : undefined
    const tooLarge = isTempFileError(error) && error.code === 'ERR_TEMP_TOO_LARGE'
    if (tooLarge && limit === upload.length && limit !== undefined) return inconsistentLength()
    const truncated = isTempFileError(error) && error.code === 'ERR_TEMP_TRUNCATED'
    if (received && truncated && error.details?.['expected'] !== undefined) return inconsistentLength()
    const refused =
      isTempFileError(error) && ['ERR_TEMP_TYPE_REJECTED', 'ERR_TEMP_TOO_LARGE'].includes(error.code)
    // After the last byte the answer is that of the resource itself, also when it is a refusal.
    const final = refused || (received && !(isTempFileError(error) && error.status >= 500))
    return failure(error, final, tooLarge ? { 'Upload-Limit': about['Upload-Limit'] ?? '' } : {})
  }

  async #completed(exchange: Exchange, finished: FinishedUpload): Promise<Reply> {
    const { ticket, bytes, digest, digests } = finished
    const answer = (await this.#options.onComplete?.(finished, exchange)) ?? {}
    const { status = 200, headers = {}, body = { ticket, bytes, digest } } = answer
    const repr = reprDigest(digests)
    return {
      status,
      headers: {
        ...(typeof body === 'string' ? {} : { 'Content-Type': 'application/json' }),
        ...(repr === undefined ? {} : { 'Repr-Digest': repr }),
        ...headers,
        'Upload-Complete': '?1',
      },
      body: typeof body === 'string' ? body : JSON.stringify(body),
    }
  }

  /** What the header fields alone rule out (sections 4.1.3 and 4.1.4). */
  #refusal(
    exchange: Exchange,
    facts: Facts,
    { offset, length, creating }: { offset: number; length: number | undefined; creating: boolean },
  ): Reply | undefined {
    const { maxAppendBytes, minAppendBytes } = this.#options
    const { contentLength } = exchange
    const total = totalOf(exchange, facts, offset)
    const known = [facts.length, total, creating ? undefined : length].filter((one) => one !== undefined)
    if (new Set(known).size > 1) return inconsistentLength()
    if (length !== undefined && offset + (contentLength ?? 0) > length) return inconsistentLength()
    const limits = { headers: { 'Upload-Limit': this.#limits(undefined), 'Upload-Complete': '?0' } }
    if (contentLength === undefined) return undefined
    if (maxAppendBytes !== undefined && contentLength > maxAppendBytes)
      return problem(413, `One request may carry ${maxAppendBytes} bytes. Send the file in parts.`, limits)
    const small = minAppendBytes !== undefined && contentLength < minAppendBytes && facts.complete === false
    if (small && !(creating && contentLength === 0))
      return problem(400, `A request that is not the last needs at least ${minAppendBytes} bytes.`, limits)
    return undefined
  }

  #open(id: string): Promise<PartialUpload> {
    return this.#manager.openUpload(id, { whenBusy: 'take-over' })
  }

  #rules() {
    const { accept, maxBytes } = this.#options
    return { ...(accept === undefined ? {} : { accept }), maxBytes }
  }

  #limits(upload: PartialUpload | undefined): string {
    const { maxBytes, maxAppendBytes, minAppendBytes } = this.#options
    const left = upload?.expiresInMs
    return limitField({
      'max-size': maxBytes,
      'max-append-size': maxAppendBytes,
      'min-append-size': minAppendBytes,
      'max-age': left === undefined ? undefined : Math.max(0, Math.floor(left / 1000)),
    })
  }
}

const ALLOW = 'POST, PUT, PATCH, HEAD, GET, DELETE, OPTIONS'

/** The length that a request which ends the upload implies by its Content-Length. */
function totalOf({ contentLength }: Exchange, { complete }: Facts, offset: number): number | undefined {
  return complete === true && contentLength !== undefined ? offset + contentLength : undefined
}

function inform(exchange: Exchange, { speaksOurs }: Facts, headers: Record<string, string>): void {
  if (speaksOurs) exchange.inform({ 'Upload-Draft-Interop-Version': INTEROP_VERSION, ...headers })
}

function withHeaders(answer: Reply, headers: Record<string, string>): Reply {
  return { ...answer, headers: { ...headers, ...answer.headers } }
}

function tooLargeHeaders(error: unknown, limits: string): Record<string, string> {
  return isTempFileError(error) && error.status === 413 ? { 'Upload-Limit': limits } : {}
}

/** Ends a request that brings nothing: against clients that hold uploads open on purpose, and half-open connections. */
class IdleWatch {
  readonly #controller = new AbortController()
  readonly #timer: NodeJS.Timeout

  constructor(upload: PartialUpload, timeoutMs: number) {
    let [offset, since] = [upload.offset, performance.now()]
    this.#timer = setInterval(
      () => {
        if (upload.offset !== offset) [offset, since] = [upload.offset, performance.now()]
        else if (performance.now() - since >= timeoutMs)
          this.#controller.abort(new DOMException('The client sent nothing.', 'TimeoutError'))
      },
      Math.min(IDLE_LOOK_MS, timeoutMs),
    ).unref()
  }

  get signal(): AbortSignal {
    return this.#controller.signal
  }

  end(): void {
    clearInterval(this.#timer)
  }
}
