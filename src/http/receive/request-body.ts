// The body of a request of node:http, node:http2 or the Fetch API, as a source for the streams that store it.
// Guarantee: it is read by streams/intake.ts like every other source; a refused body is discarded within bounds, so
// that the client can read the answer (see discard-rest.ts).

import type { IncomingMessage } from 'node:http'
import type { Http2ServerRequest } from 'node:http2'
import { isTempFileError, TempFileError } from '../../errors.ts'
import { checkRequest, isNodeRequest } from '../../input/program-objects.ts'
import { untilAborted } from '../../runtime/abort.ts'
import { openIntake } from '../../streams/intake.ts'
import type { ByteSource } from '../../types.ts'
import { contentLength } from '../content-length.ts'
import { discardNode, discardWeb } from './discard-rest.ts'

/** A request of node:http (Express, Fastify, Koa), of node:http2's compatibility API, or of the Fetch API (Hono, Next.js, Remix). */
export type HttpRequest = IncomingMessage | Http2ServerRequest | Request

/** The body of one request. */
export interface RequestBody {
  /** To be received with `keepSource: true`: giving up is the business of `refuse`. */
  readonly source: ByteSource
  /** Bytes to come according to Content-Length; undefined where the client does not announce them. */
  readonly length: number | undefined
  /** Of a Fetch request: aborts when its client has left, or as its program decides. */
  readonly signal: AbortSignal | undefined
  header(name: string): string | undefined
  /**
   * Gives the body up. The rest is discarded within bounds; wait for the result before you let the program answer.
   * Idempotent.
   */
  refuse(error: unknown): Promise<void>
}

/** @throws ERR_TEMP_OPTION_INVALID for what is not a request */
export function bodyOf(request: HttpRequest): RequestBody {
  checkRequest(request)
  return isNodeRequest(request) ? nodeBody(request) : webBody(request)
}

/**
 * Gives up a request that cannot be received because the program's options are bad, so that the client can read the answer.
 * @throws the error
 */
export async function refuseRequest(request: HttpRequest, error: unknown): Promise<never> {
  try {
    await bodyOf(request).refuse(error)
  } catch {
    // A value that is not a request, from JavaScript, has no body to discard.
  }
  throw error
}

/** Whether a request has no content. Without Content-Length only reading it answers that. */
export async function isEmpty(
  { length, source, signal }: Pick<RequestBody, 'length' | 'source' | 'signal'>,
  timeoutMs: number,
): Promise<boolean> {
  if (length !== undefined) return length === 0
  const intake = openIntake(source, true)
  let bytes = 0
  const take = (chunk: Uint8Array): undefined => {
    bytes += chunk.length
    if (bytes > 0) throw new Error('There is content: no more of it is read.')
  }
  try {
    await untilAborted([signal, AbortSignal.timeout(Math.ceil(timeoutMs))], () => intake.run(take))
  } catch (error) {
    if (bytes === 0) throw error
  } finally {
    intake.stop(undefined, true)
  }
  return bytes === 0
}

function nodeBody(request: IncomingMessage | Http2ServerRequest): RequestBody {
  let refused = false
  return {
    source: request,
    length: contentLength(request.headers['content-length']),
    signal: undefined,
    header(name) {
      const value = request.headers[name]
      return Array.isArray(value) ? value.join(', ') : value
    },
    async refuse() {
      if (refused) return
      refused = true
      discardNode(request)
    },
  }
}

function webBody(request: Request): RequestBody {
  const { headers, body } = request
  const contentType = headers.get('content-type')
  let reader: ReadableStreamDefaultReader<Uint8Array> | undefined
  let over = false
  async function* chunks(): AsyncGenerator<Uint8Array> {
    if (request.bodyUsed || body?.locked === true) throw alreadyRead()
    reader = body?.getReader()
    while (reader !== undefined) {
      const { done, value } = await reader.read().catch((cause: unknown) => {
        over = true
        throw clientGone(cause)
      })
      if (done) break
      yield value
    }
    over = true
    reader?.releaseLock()
  }
  return {
    source: chunks(),
    length: contentLength(headers.get('content-length')),
    signal: request.signal ?? undefined, // an adapter may have none
    header: (name) => (name === 'content-type' ? contentType : headers.get(name)) ?? undefined,
    async refuse(error) {
      if (over || body === null) return
      over = true
      if (reader === undefined && !body.locked) reader = body.getReader()
      if (reader === undefined) return
      const discarded = discardWeb(reader)
      if (endsConnection(headers) && !isGivenUp(error)) await discarded
    },
  }
}

/**
 * The adapter closes such a connection with the answer, and out of reach of the library: an answer that comes before the
 * end of the request would be lost.
 */
function endsConnection(headers: Headers): boolean {
  return /(?:^|,)\s*close\s*(?:,|$)/i.test(headers.get('connection') ?? '')
}

/** The client or the program does not wait any longer. */
function isGivenUp(error: unknown): boolean {
  return isTempFileError(error) && (error.code === 'ERR_TEMP_ABORTED' || error.code === 'ERR_TEMP_TIMEOUT')
}

function alreadyRead(): TempFileError {
  return new TempFileError(
    'ERR_TEMP_OPTION_INVALID',
    'The request body has already been read. Receive it before a body parser does (express.json, multer, attachFieldsToBody of @fastify/multipart).',
  )
}

function clientGone(cause: unknown): TempFileError {
  return new TempFileError(
    'ERR_TEMP_ABORTED',
    'The client closed the connection before the body was complete.',
    {
      cause,
    },
  )
}
