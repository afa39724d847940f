// The IETF draft 'Resumable Uploads for HTTP' (draft-ietf-httpbis-resumable-upload, interop version 8), without any
// framework. Guarantee: an offset in a response is on the disk; a request that creates an upload and is not interrupted is
// answered as an ordinary upload; no two requests write to one upload at a time.

import { fileNameOfDisposition } from '../http/receive/part-header.ts'
import { type FinishedUpload, isTempFileError, type PartialUpload, type TempFileManager } from '../index.ts'
import { displayName } from '../input/names.ts'
import { layoutOf } from '../layout.ts'
import { activeWriter } from '../uploads/active.ts'
import { ContentReceiver } from './content.ts'
import type { Exchange } from './exchange.ts'
import { type Facts, factsOf, inform, mediaTypeOf, PARTIAL_UPLOAD, totalOf } from './facts.ts'
import { digestField, INTEROP_VERSION, wantedDigest } from './fields.ts'
import { limitsOf, refusalOf, rulesOf } from './limits.ts'
import { failure, mismatchingOffset, otherVersion, problem, type Reply, reply } from './reply.ts'
import type { Prepared } from './resumable-options.ts'

export class Protocol {
  readonly #manager: TempFileManager
  readonly #options: Prepared
  readonly #content: ContentReceiver

  constructor(manager: TempFileManager, options: Prepared) {
    this.#manager = manager
    this.#options = options
    this.#content = new ContentReceiver(options)
  }

  /** Answers a request. Never rejects. */
  async handle(exchange: Exchange): Promise<Reply> {
    try {
      return await this.#route(exchange)
    } catch (error) {
      exchange.abandonBody()
      return failure(error, false, tooLargeHeaders(error, limitsOf(this.#options)))
    }
  }

  async #route(exchange: Exchange): Promise<Reply> {
    const { method, uploadId } = exchange
    const version = exchange.header('upload-draft-interop-version')
    if (version !== undefined && version.trim() !== INTEROP_VERSION) {
      exchange.abandonBody()
      return otherVersion()
    }
    if (method === 'OPTIONS') return reply(204, { 'Upload-Limit': limitsOf(this.#options), Allow: ALLOW })
    await this.#options.authorize?.(exchange)
    const facts = factsOf(exchange)
    if (uploadId === undefined) return incomplete(await this.#create(exchange, facts))
    if (method === 'HEAD' || method === 'GET') return await this.#retrieve(uploadId)
    if (method === 'PATCH') return incomplete(await this.#append(exchange, uploadId, facts))
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
    const refusal = refusalOf(this.#options, exchange, facts, { offset: 0, length, creating: true })
    if (refusal !== undefined) return refusal
    const upload = await this.#manager.createUpload({
      ...rulesOf(this.#options),
      ...this.#creation(exchange, length),
    })
    const location = `${(this.#options.path ?? exchange.path).replace(/\/+$/, '')}/${upload.id}`
    const about = { Location: location, 'Upload-Limit': limitsOf(this.#options, upload) }
    if (facts.complete !== undefined) inform(exchange, facts, about)
    const resumable = facts.complete !== undefined
    return await this.#content.receive(exchange, upload, {
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
    const type = mediaTypeOf(exchange)
    return {
      length,
      originalName: fileName === undefined ? undefined : displayName(fileName),
      type: type === PARTIAL_UPLOAD ? undefined : type,
      meta: this.#options.meta?.(exchange),
      ttl,
      maxAge,
      durable,
      hash: hash ?? wantedDigest(exchange.header('want-repr-digest')),
      expectedDigest,
    }
  }

  /** Section 4.3: a request under way ends first, so that the offset in the answer is one that an append will find. */
  async #retrieve(id: string): Promise<Reply> {
    await using upload = await this.#open(id)
    const done = upload.finished !== undefined
    return reply(204, {
      'Upload-Offset': String(upload.offset),
      'Upload-Complete': done ? '?1' : '?0',
      ...(upload.length === undefined ? {} : { 'Upload-Length': String(upload.length) }),
      'Upload-Limit': limitsOf(this.#options, upload),
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
    if (mediaTypeOf(exchange) !== PARTIAL_UPLOAD)
      return refuse(problem(415, `An append has the media type ${PARTIAL_UPLOAD}.`))
    if (offset === undefined || complete === undefined)
      return refuse(problem(400, 'An append needs Upload-Offset and Upload-Complete.'))
    // An offset that a running request has passed cannot be served: the running request continues.
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
    const about = { 'Upload-Limit': limitsOf(this.#options, upload) }
    return await this.#content.receive(exchange, upload, {
      facts,
      whole: complete,
      resumable: true,
      about,
      base: {},
    })
  }

  /** What refuses an append to this upload, or answers it at once; records the length otherwise. */
  async #prepareAppend(exchange: Exchange, upload: PartialUpload, facts: Facts): Promise<Reply | undefined> {
    const { offset, length } = upload
    if (upload.finished !== undefined) return await this.#repeat(exchange, upload.finished, facts)
    if (offset !== facts.offset) return mismatchingOffset(offset, facts.offset ?? 0)
    const refusal = refusalOf(this.#options, exchange, facts, {
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
      return await this.#content.completed(exchange, finished)
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

  #open(id: string): Promise<PartialUpload> {
    return this.#manager.openUpload(id, { whenBusy: 'take-over' })
  }
}

const ALLOW = 'POST, PUT, PATCH, HEAD, GET, DELETE, OPTIONS'

/** Says that the answer is not that of the whole upload, where it says nothing else. */
function incomplete(answer: Reply): Reply {
  return { ...answer, headers: { 'Upload-Complete': '?0', ...answer.headers } }
}

function tooLargeHeaders(error: unknown, limits: string): Record<string, string> {
  return isTempFileError(error) && error.status === 413 ? { 'Upload-Limit': limits } : {}
}
