// The content of a creation or an append, up to the answer. Guarantee: the bytes received are kept, unless they are refused
// or the client did not ask for resumability; the hold on the upload ends with the request, whatever happens.

import { checkHeaders, checkStatus, hasContent, mergedHeaders } from '../http/serve/program-answer.ts'
import { type FinishedUpload, isTempFileError, type PartialUpload } from '../index.ts'
import { joinSignals } from '../runtime/abort.ts'
import { log } from '../runtime/observe.ts'
import type { Exchange } from './exchange.ts'
import { type Facts, inform } from './facts.ts'
import { digestField, reprDigest } from './fields.ts'
import { IdleWatch } from './idle-watch.ts'
import { appendRefusal, limitsOf, rulesOf } from './limits.ts'
import { failure, inconsistentLength, type Reply, reply } from './reply.ts'
import type { Prepared, UploadReply } from './resumable-options.ts'

/** A request's content and facts, and the header fields of its answers. */
export interface Content {
  readonly facts: Facts
  /** The upload ends with this request. */
  readonly whole: boolean
  readonly resumable: boolean
  readonly about: Readonly<Record<string, string>>
  readonly base: Readonly<Record<string, string>>
}

export class ContentReceiver {
  readonly #options: Prepared

  constructor(options: Prepared) {
    this.#options = options
  }

  /** The content of a creation or an append, up to the answer. Ends the hold on the upload. */
  async receive(exchange: Exchange, upload: PartialUpload, request: Content): Promise<Reply> {
    const { facts, whole, resumable, about, base } = request
    let finishing = false // the client was allowed to: from here on the answer is that of the resource itself
    let finished: FinishedUpload | undefined
    try {
      await this.#store(exchange, upload, { facts, whole, base })
      if (!whole) {
        return reply(base['Location'] === undefined ? 204 : 201, {
          ...about,
          'Upload-Complete': '?0',
          'Upload-Offset': String(upload.offset),
        })
      }
      await this.#options.authorize?.(exchange) // a permission may have ended since the creation
      finishing = true
      finished = await upload.finish(rulesOf(this.#options))
      await (resumable ? upload.release() : upload.discard()) // nobody can ask for an ordinary one again
      return withHeaders(await this.completed(exchange, finished), resumable ? about : {})
    } catch (error) {
      // First: discarding the rest of a request takes up to 30 s.
      await (resumable ? upload.release() : forget(upload, finished))
      await exchange.abandonBody(error)
      return this.#failed(error, upload, { finishing, about })
    } finally {
      await upload.release()
    }
  }

  async #store(
    exchange: Exchange,
    upload: PartialUpload,
    { facts, whole, base }: { facts: Facts; whole: boolean; base: Record<string, string> },
  ): Promise<void> {
    const { maxAppendBytes, minAppendBytes, timeout = 60_000 } = this.#options
    const digests = digestField(exchange.header('content-digest'))
    if (exchange.contentLength === 0 && digests.length === 0) return
    const idle = new IdleWatch(upload, timeout)
    const { signal, detach } = joinSignals(idle.signal, exchange.signal)
    try {
      await upload.append(exchange.body, {
        ...rulesOf(this.#options),
        digests,
        maxAppendBytes,
        minAppendBytes: whole ? undefined : minAppendBytes,
        signal,
        expectedBytes: exchange.contentLength,
        last: whole,
        keepSource: true,
        onOffset: (offset) => {
          if (facts.complete !== undefined)
            inform(exchange, facts, {
              ...base,
              'Upload-Limit': limitsOf(this.#options, upload),
              'Upload-Offset': String(offset),
            })
        },
      })
    } finally {
      detach()
      idle.end()
    }
  }

  #failed(
    error: unknown,
    upload: PartialUpload,
    { finishing, about }: { finishing: boolean; about: Record<string, string> },
  ): Reply {
    const { code, status = 0, details = {} } = isTempFileError(error) ? error : {}
    const tooLarge = code === 'ERR_TEMP_TOO_LARGE'
    const { limit, expected, option } = details
    if (option === 'maxAppendBytes' || option === 'minAppendBytes')
      return appendRefusal(this.#options, option)
    if (tooLarge && limit === upload.length && limit !== undefined) return inconsistentLength()
    if (finishing && code === 'ERR_TEMP_TRUNCATED' && expected !== undefined) return inconsistentLength()
    // At its end the answer is that of the resource itself, also when it is a refusal.
    const final = tooLarge || code === 'ERR_TEMP_TYPE_REJECTED' || (finishing && status < 500)
    return failure(error, final, tooLarge ? { 'Upload-Limit': about['Upload-Limit'] ?? '' } : {})
  }

  /**
   * The status of an error that is not meant for clients is not that of the upload: after a 404 of an HTTP client of the
   * program this client would give the upload up.
   */
  async #answerOfProgram(exchange: Exchange, finished: FinishedUpload): Promise<UploadReply | undefined> {
    try {
      return await this.#options.onComplete?.(finished, exchange)
    } catch (error) {
      const { expose } = (error ?? {}) as { expose?: unknown } // any value can be read by key
      throw expose === true || isTempFileError(error)
        ? error
        : new Error('onComplete failed.', { cause: error })
    }
  }

  /** The answer to the last request, as the program wants it. @throws ERR_TEMP_OPTION_INVALID; what onComplete throws */
  async completed(exchange: Exchange, finished: FinishedUpload): Promise<Reply> {
    const { ticket, bytes, digest, digests } = finished
    const answer = (await this.#answerOfProgram(exchange, finished)) ?? {}
    const { status = 200, headers = {}, body = { ticket, bytes, digest } } = answer
    checkStatus(status)
    checkHeaders(headers)
    const repr = reprDigest(digests)
    const described = repr === undefined ? {} : { 'Repr-Digest': repr }
    if (!hasContent(status)) {
      const sent = mergedHeaders(described, headers, false)
      return { status, headers: mergedHeaders(sent, { 'Upload-Complete': '?1' }), body: undefined }
    }
    const type = typeof body === 'string' ? {} : { 'Content-Type': 'application/json' }
    const text = typeof body === 'string' ? body : JSON.stringify(body)
    const own = { 'Upload-Complete': '?1', 'Content-Length': String(Buffer.byteLength(text)) }
    return {
      status,
      headers: mergedHeaders(mergedHeaders({ ...type, ...described }, headers), own),
      body: text,
    }
  }
}

/** Its client cannot ask for it again: its ticket would wait for `handoff.ttl`. */
async function forget(upload: PartialUpload, finished: FinishedUpload | undefined): Promise<void> {
  await upload.discard()
  try {
    await (await finished?.claim())?.complete()
  } catch (error) {
    log.http('the handoff of a failed upload is kept: %O', error) // onComplete has claimed it, for example
  }
}

function withHeaders(answer: Reply, headers: Record<string, string>): Reply {
  return { ...answer, headers: mergedHeaders(headers, answer.headers) }
}
