// The IETF draft 'Resumable Uploads for HTTP' (draft-ietf-httpbis-resumable-upload, interop version 8), without any
// framework. Guarantee: an offset in a response is on the disk; a request that creates an upload and is not interrupted is
// answered as an ordinary upload; no two requests write to one upload at a time.

import { fileNameOfDisposition } from '../http/receive/part-header.ts'
import { isEmpty } from '../http/receive/request-body.ts'
import { type FinishedUpload, isTempFileError, type PartialUpload, type TempFileManager } from '../index.ts'
import { displayName } from '../input/names.ts'
import { ContentReceiver } from './content.ts'
import type { Exchange } from './exchange.ts'
import { type Facts, factsOf, inform, mediaTypeOf, PARTIAL_UPLOAD, totalOf } from './facts.ts'
import { digestField, INTEROP_VERSION, wantedDigest } from './fields.ts'
import { limitsOf, refusalOf, rulesOf } from './limits.ts'
import {
  completedUpload,
  failure,
  mismatchingOffset,
  otherVersion,
  problem,
  type Reply,
  reply,
} from './reply.ts'
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
      const answer = await this.#route(exchange)
      if (answer.status >= 400) await exchange.abandonBody() // a refusal has read no content, or not all of it
      return answer
    } catch (error) {
      await exchange.abandonBody(error)
      return failure(error, false, tooLargeHeaders(error, limitsOf(this.#options)))
    }
  }

  async #route(exchange: Exchange): Promise<Reply> {
    const { method, uploadId } = exchange
    const version = exchange.header('upload-draft-interop-version')
    if (version !== undefined && version.trim() !== INTEROP_VERSION) return otherVersion()
    if (method === 'OPTIONS')
      return reply(204, { 'Upload-Limit': limitsOf(this.#options), Allow: allowed(uploadId) })
    await this.#options.authorize?.(exchange)
    const facts = factsOf(exchange)
    if (uploadId === undefined) return incomplete(await this.#create(exchange, facts))
    if (method === 'HEAD' || method === 'GET') return await this.#retrieve(uploadId)
    if (method === 'PATCH') return incomplete(await this.#append(exchange, uploadId, facts))
    if (method === 'DELETE') return await this.#cancel(uploadId)
    return wrongMethod(uploadId)
  }

  /** Section 4.2. */
  async #create(exchange: Exchange, facts: Facts): Promise<Reply> {
    const { contentLength } = exchange
    const whole = facts.complete !== false
    const length = facts.length ?? (whole ? contentLength : undefined)
    const refusal =
      this.#misdirected(exchange, facts) ??
      refusalOf(this.#options, exchange, facts, { offset: 0, length, creating: true })
    if (refusal !== undefined) return refusal
    const upload = await this.#manager.createUpload({
      ...rulesOf(this.#options),
      ...(await this.#creation(exchange, length)),
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

  /**
   * The refusal of a request that is meant for an upload, and whose URL is that of none. Taken for a creation, an append
   * would publish the tail of a file as a whole one.
   */
  #misdirected(exchange: Exchange, { offset }: Facts): Reply | undefined {
    const { method, path } = exchange
    const meant =
      ['HEAD', 'GET', 'DELETE'].includes(method) ||
      mediaTypeOf(exchange) === PARTIAL_UPLOAD ||
      offset !== undefined ||
      this.#isBelow(path)
    if (meant) return problem(404, 'There is no upload at this URL. New files are sent with POST or PUT.')
    return CREATING.includes(method) ? undefined : wrongMethod(undefined)
  }

  /** Whether only uploads are at this path. */
  #isBelow(path: string): boolean {
    const { path: directory } = this.#options
    if (directory === undefined) return false
    const start = `${directory.replace(/\/+$/, '')}/`
    return path.length > start.length && path.startsWith(start)
  }

  async #creation(exchange: Exchange, length: number | undefined) {
    const { ttl, maxAge, durable, hash } = this.#options
    const fileName = fileNameOfDisposition(exchange.header('content-disposition') ?? '')
    const type = mediaTypeOf(exchange)
    return {
      length,
      originalName: fileName === undefined ? undefined : displayName(fileName),
      type: type === PARTIAL_UPLOAD ? undefined : type,
      meta: await this.#options.meta?.(exchange),
      ttl,
      maxAge,
      durable,
      hash: hash ?? wantedDigest(exchange.header('want-repr-digest')),
      expectedDigest: digestField(exchange.header('repr-digest')),
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
    const { offset, complete } = facts
    if (mediaTypeOf(exchange) !== PARTIAL_UPLOAD)
      return problem(415, `An append has the media type ${PARTIAL_UPLOAD}.`)
    if (offset === undefined || complete === undefined)
      return problem(400, 'An append needs Upload-Offset and Upload-Complete.')
    let upload: PartialUpload
    try {
      upload = await this.#open(id, offset)
    } catch (error) {
      // An offset that a running request has passed cannot be served: the running request continues.
      const running = offsetOfWriter(error)
      if (running === undefined) throw error
      return mismatchingOffset(running, offset)
    }
    let refusal: Reply | undefined
    try {
      refusal = await this.#prepareAppend(exchange, upload, facts)
    } catch (error) {
      await upload.release()
      throw error
    }
    if (refusal !== undefined) {
      await upload.release()
      return refusal
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

  /** Returns the answer to an append that is refused or needs no content; otherwise records the length. */
  async #prepareAppend(exchange: Exchange, upload: PartialUpload, facts: Facts): Promise<Reply | undefined> {
    const { offset, length, finished } = upload
    if (finished !== undefined) {
      await upload.release() // its content may never come, and other requests would wait for it
      return await this.#repeat(exchange, finished, facts)
    }
    if (offset !== facts.offset) return mismatchingOffset(offset, facts.offset ?? 0)
    const refusal = refusalOf(this.#options, exchange, facts, {
      offset,
      length: length ?? facts.length,
      creating: false,
    })
    const declared = facts.length ?? totalOf(exchange, facts, offset)
    if (refusal === undefined && declared !== undefined)
      await upload.declareLength(declared, rulesOf(this.#options))
    return refusal
  }

  /** An append to a finished upload: the client lost the answer, and gets it again. */
  async #repeat(exchange: Exchange, finished: FinishedUpload, facts: Facts): Promise<Reply> {
    if (facts.offset !== finished.bytes) return mismatchingOffset(finished.bytes, facts.offset ?? 0)
    const { contentLength: length, body: source, signal } = exchange
    const { timeout = 60_000 } = this.#options
    if (facts.complete === true && (await isEmpty({ length, source, signal }, timeout)))
      return await this.#content.completed(exchange, finished)
    return completedUpload()
  }

  /** Section 4.5. */
  async #cancel(id: string): Promise<Reply> {
    const upload = await this.#open(id)
    await upload.discard()
    return reply(204)
  }

  #open(id: string, offset?: number): Promise<PartialUpload> {
    return this.#manager.openUpload(id, { whenBusy: 'take-over', offset })
  }
}

const CREATING = ['POST', 'PUT', 'PATCH']

/** The methods of an upload, or of the resource that takes new files. */
function allowed(uploadId: string | undefined): string {
  return uploadId === undefined ? 'POST, PUT, PATCH, OPTIONS' : 'HEAD, GET, PATCH, DELETE, OPTIONS'
}

function wrongMethod(uploadId: string | undefined): Reply {
  const title =
    uploadId === undefined
      ? 'Files are sent here with POST or PUT.'
      : 'An upload takes HEAD, GET, PATCH and DELETE.'
  return problem(405, title, { headers: { Allow: allowed(uploadId) } })
}

/** Marks an answer that is not that of the whole upload, unless it has the field already. */
function incomplete(answer: Reply): Reply {
  return { ...answer, headers: { 'Upload-Complete': '?0', ...answer.headers } }
}

/** The offset of a running request that a take-over leaves alone. */
function offsetOfWriter(error: unknown): number | undefined {
  const { code, details } = isTempFileError(error) ? error : {}
  const bytes = details?.['bytes']
  return code === 'ERR_TEMP_HANDOFF_CLAIMED' && typeof bytes === 'number' ? bytes : undefined
}

function tooLargeHeaders(error: unknown, limits: string): Record<string, string> {
  return isTempFileError(error) && error.status === 413 ? { 'Upload-Limit': limits } : {}
}
