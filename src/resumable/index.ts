// temp-file-manager/resumable: a server for the IETF draft 'Resumable Uploads for HTTP'. The fronts for node:http (Express,
// HTTP/2), for Fastify and for the Fetch API, and the public names.

import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Http2ServerRequest, Http2ServerResponse } from 'node:http2'
import { bodyOf, type HttpRequest } from '../http/receive/request-body.ts'
import { endAfterFailure } from '../http/serve/end-after-failure.ts'
import { hasContent } from '../http/serve/program-answer.ts'
import type { TempFileManager } from '../index.ts'
import { requireManager } from '../input/program-objects.ts'
import { isUploadId } from '../layout.ts'
import { log } from '../runtime/observe.ts'
import type { Exchange } from './exchange.ts'
import { withFileLimit } from './limits.ts'
import { Protocol } from './protocol.ts'
import type { Reply } from './reply.ts'
import { checkResumableOptions, type ResumableOptions } from './resumable-options.ts'

export { INTEROP_VERSION } from './fields.ts'
export type { ResumableOptions, UploadReply, UploadRequest } from './resumable-options.ts'

/** The members of a FastifyInstance that the plugin uses, so that a program without Fastify does not need its types. */
export interface FastifyContext {
  removeAllContentTypeParsers(): unknown
  addContentTypeParser(
    type: '*',
    parse: (request: unknown, payload: IncomingMessage, done: (error: Error | null) => void) => void,
  ): unknown
  all(
    path: string,
    handler: (
      request: { readonly raw: IncomingMessage },
      reply: { readonly raw: ServerResponse; hijack(): unknown },
    ) => void,
  ): unknown
}

/** A server of resumable uploads. */
export interface ResumableUploads {
  /**
   * Answers a request of node:http, node:http2 (its compatibility API) or Express. Never rejects. Mount it before body
   * parsers, on a path and everything below it: `app.use('/files', uploads.handle)`.
   */
  readonly handle: (
    req: IncomingMessage | Http2ServerRequest,
    res: ServerResponse | Http2ServerResponse,
  ) => Promise<void>
  /**
   * The plugin for Fastify 5, which reads no body itself: `fastify.register(uploads.fastify, { prefix: '/files' })`. Routes,
   * hooks and body parsers outside the prefix stay as they are.
   */
  readonly fastify: (instance: FastifyContext, options: unknown, done: () => void) => void
  /** Answers a Request of the Fetch API (Hono, Next.js, Remix). Interim responses (104) are not possible there. */
  readonly fetch: (request: Request) => Promise<Response>
}

/**
 * Serves resumable uploads as in draft-ietf-httpbis-resumable-upload, interop version 8. A client that knows nothing of it
 * sends an ordinary POST or PUT and gets an ordinary answer; one that does continues after any interruption. Each finished
 * file is one handoff.
 *
 * Set `server.requestTimeout = 0`: node:http ends every request after five minutes otherwise.
 *
 * @throws ERR_TEMP_OPTION_INVALID
 * @example
 * ```ts
 * import { once } from 'node:events'
 * import { createServer } from 'node:http'
 * import { getTempManager } from 'temp-file-manager'
 * import { resumableUploads } from 'temp-file-manager/resumable'
 *
 * const manager = getTempManager()
 * const uploads = resumableUploads(manager, {
 *   maxBytes: '2gb',
 *   onComplete: ({ ticket, bytes }) => ({ status: 201, body: { ticket, bytes } }),
 * })
 * const server = createServer(uploads.handle).listen(0, '127.0.0.1')
 * await once(server, 'listening')
 * const address = server.address()
 * if (address !== null && typeof address === 'object') {
 *   const response = await fetch(`http://127.0.0.1:${address.port}/files`, { method: 'POST', body: 'hello' })
 *   const { ticket, bytes } = (await response.json()) as { ticket: string; bytes: number }
 *   console.log(response.status, bytes) // 201 5
 *   await manager.discard(ticket)
 * }
 * server.close()
 * ```
 */
export function resumableUploads(manager: TempFileManager, options: ResumableOptions = {}): ResumableUploads {
  requireManager(manager, 'The first argument')
  const protocol = new Protocol(manager, withFileLimit(manager, checkResumableOptions(options)))
  const handle: ResumableUploads['handle'] = async (req, res) => {
    try {
      writeNode(res, await protocol.handle(nodeExchange(req, res)))
    } catch (error) {
      log.http('the answer to an upload could not be written: %O', error) // by a middleware, for example
      endAfterFailure(res, error)
    }
  }
  return {
    handle,
    fastify(instance, _options, done) {
      instance.removeAllContentTypeParsers() // of this plugin's context only: the content stays with the request
      instance.addContentTypeParser('*', (_request, _payload, parsed) => parsed(null))
      for (const path of ['/', '/*']) {
        instance.all(path, (request, reply) => {
          reply.hijack()
          void handle(request.raw, reply.raw)
        })
      }
      done()
    },
    async fetch(request) {
      const { status, headers, body } = await protocol.handle(fetchExchange(request))
      return new Response(body ?? null, { status: status === 499 ? 400 : status, headers })
    },
  }
}

function nodeExchange(
  req: IncomingMessage | Http2ServerRequest,
  res: ServerResponse | Http2ServerResponse,
): Exchange {
  const { originalUrl } = req as { originalUrl?: unknown } // Express keeps the whole path there
  const url = typeof originalUrl === 'string' ? originalUrl : (req.url ?? '/')
  return {
    ...contentOf(req),
    method: req.method ?? 'GET',
    url,
    ...pathOf(url),
    native: req,
    inform: (headers) => informNode(req, res, headers),
  }
}

/** 104: node:http has no method for it, so it is written where the response will be. */
function informNode(
  req: IncomingMessage | Http2ServerRequest,
  res: ServerResponse | Http2ServerResponse,
  headers: Readonly<Record<string, string>>,
): void {
  if (res.headersSent) return
  if (req.httpVersionMajor >= 2) {
    const { stream } = res as Http2ServerResponse // of this version
    if (!stream.destroyed) stream.additionalHeaders({ ...headers, ':status': 104 })
    return
  }
  const { socket } = res as ServerResponse // of this version
  // No socket: an earlier, pipelined response has its turn. HTTP/1.0 knows no interim responses.
  if (socket === null || !socket.writable || req.httpVersionMinor === 0) return
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`)
  socket.write(`HTTP/1.1 104 Upload Resumption Supported\r\n${lines.join('')}\r\n`)
}

function writeNode(res: ServerResponse | Http2ServerResponse, { status, headers, body }: Reply): void {
  if (res.headersSent || res.destroyed) return
  res.statusCode = status === 499 ? 400 : status
  for (const [name, value] of Object.entries(headers)) res.setHeader(name, value)
  if (hasContent(status)) res.setHeader('Content-Length', Buffer.byteLength(body ?? ''))
  res.end(body ?? '')
}

function fetchExchange(request: Request): Exchange {
  const content = contentOf(request)
  return {
    ...content,
    contentLength: content.contentLength ?? (request.body === null ? 0 : undefined),
    method: request.method,
    url: request.url,
    ...pathOf(new URL(request.url).pathname),
    native: request,
    inform: () => {},
  }
}

function contentOf(
  request: HttpRequest,
): Pick<Exchange, 'header' | 'contentLength' | 'body' | 'signal' | 'abandonBody'> {
  const { header, length, source, signal, refuse } = bodyOf(request)
  return { header, contentLength: length, body: source, signal, abandonBody: refuse }
}

/** The path alone, also of a whole URL (RFC 9112 section 3.2.2). With two slashes at its start it would name another host in Location. */
function pathOf(url: string): { path: string; uploadId: string | undefined } {
  const [target = '/'] = url.split('?', 1)
  const path = target.replace(/^https?:\/\/[^/]*/i, '').replace(/^[/\\]*/, '/')
  const last = path.slice(path.lastIndexOf('/') + 1)
  return { path, uploadId: isUploadId(last) ? last : undefined }
}
