// The content of a creation or an append, up to the answer. Guarantee: the bytes received are kept, unless they are refused or
// the client did not ask for resumability; the hold on the upload ends with the request, whatever happens.

import { type FinishedUpload, isTempFileError, type PartialUpload } from '../index.ts'
import type { Exchange } from './exchange.ts'
import { type Facts, inform } from './facts.ts'
import { digestField, reprDigest } from './fields.ts'
import { IdleWatch } from './idle-watch.ts'
import { limitsOf, rulesOf } from './limits.ts'
import { failure, inconsistentLength, type Reply, reply } from './reply.ts'
import type { Prepared } from './resumable-options.ts'

/** What a request brings, and what its answers carry. */
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
      const finished = await upload.finish(rulesOf(this.#options))
      await upload.release()
      return withHeaders(await this.completed(exchange, finished), resumable ? about : {})
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
        ...rulesOf(this.#options),
        digests,
        signal: idle.signal,
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
      idle.end()
    }
  }

  #failed(
    error: unknown,
    upload: PartialUpload,
    { received, about }: { received: boolean; about: Record<string, string> },
  ): Reply {
    const { code, status = 0, details = {} } = isTempFileError(error) ? error : {}
    const tooLarge = code === 'ERR_TEMP_TOO_LARGE'
    const { limit, expected } = details
    if (tooLarge && limit === upload.length && limit !== undefined) return inconsistentLength()
    if (received && code === 'ERR_TEMP_TRUNCATED' && expected !== undefined) return inconsistentLength()
    // After the last byte the answer is that of the resource itself, also when it is a refusal.
    const final = tooLarge || code === 'ERR_TEMP_TYPE_REJECTED' || (received && status < 500)
    return failure(error, final, tooLarge ? { 'Upload-Limit': about['Upload-Limit'] ?? '' } : {})
  }

  async completed(exchange: Exchange, finished: FinishedUpload): Promise<Reply> {
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
}

function withHeaders(answer: Reply, headers: Record<string, string>): Reply {
  return { ...answer, headers: { ...headers, ...answer.headers } }
}
