// Reads a request's body, whichever world the request is of, and gives it up without losing the answer.
// Promise: after the end or after `abandon` no listener of ours is on the request, except for the bounded
// time in which the rest is thrown away so that the client gets to read what it is told.

import type { IncomingMessage } from 'node:http'
import { TempFileError } from '../../errors.ts'
import { lingerNode, lingerWeb } from './linger.ts'

/** A request of node:http (Express, Fastify, Koa) or of the Fetch API (Hono, Next.js, Remix). */
export type HttpRequest = IncomingMessage | Request

/** Takes a chunk; `false` means 'no more until `resume` is called'. */
type Take = (chunk: Uint8Array) => boolean

/** The body of one request, to be read once. */
export interface RequestBody {
  /** Bytes to come according to Content-Length; undefined where the sender did not say. */
  readonly length: number | undefined
  header(name: string): string | undefined
  /** Gives every chunk to `take`; resolves at the end, rejects with ERR_TEMP_ABORTED or with what `abandon` was given. */
  read(take: Take): Promise<void>
  /** Goes on after `take` has said no. */
  resume(): void
  /** Gives the body up: ends `read` with this error and throws a bounded rest away; more than that ends the connection. */
  abandon(error: Error): void
}

/** Begins with a request's body. @throws ERR_TEMP_OPTION_INVALID if it was read before, ERR_TEMP_ABORTED if the client has gone */
export function openBody(request: HttpRequest): RequestBody {
  return isNodeRequest(request) ? nodeBody(request) : webBody(request)
}

export function isNodeRequest(request: HttpRequest): request is IncomingMessage {
  return typeof (request as Partial<IncomingMessage>).pipe === 'function' // asked for, not assumed
}

export function contentTypeOf(request: HttpRequest): string | undefined {
  if (isNodeRequest(request)) return request.headers['content-type']
  return request.headers.get('content-type') ?? undefined
}

function alreadyRead(): TempFileError {
  return new TempFileError(
    'ERR_TEMP_OPTION_INVALID',
    'The request body has already been read. Receive it before a body parser does (express.json, multer, attachFieldsToBody of @fastify/multipart).',
  )
}

function clientGone(bytes: number, cause?: unknown): TempFileError {
  return new TempFileError(
    'ERR_TEMP_ABORTED',
    `The client closed the connection after ${bytes} bytes, before the body was complete. Nothing of it was kept.`,
    { cause, details: { bytes } },
  )
}

function contentLength(value: string | null | undefined): number | undefined {
  return value !== undefined && value !== null && /^\d{1,15}$/.test(value) ? Number(value) : undefined
}

function nodeBody(req: IncomingMessage): RequestBody {
  if (req.readableEnded) throw alreadyRead()
  if (req.destroyed) throw clientGone(0)
  let bytes = 0
  let abandoned: Error | undefined
  let finish: ((error?: Error) => void) | undefined
  let take: Take = () => true
  const onData = (chunk: Uint8Array): void => {
    bytes += chunk.length
    if (!take(chunk)) req.pause()
  }
  const onEnd = (): void => finish?.()
  const onError = (error: Error): void => finish?.(clientGone(bytes, error))
  const onClose = (): void => finish?.(clientGone(bytes))
  const detach = (): void => {
    finish = undefined
    req.removeListener('data', onData)
    req.removeListener('end', onEnd)
    req.removeListener('error', onError)
    req.removeListener('close', onClose)
  }
  return {
    length: contentLength(req.headers['content-length']),
    header: (name) => {
      const value = req.headers[name]
      return Array.isArray(value) ? value.join(', ') : value
    },
    read(taker) {
      return new Promise<void>((resolve, reject) => {
        if (abandoned !== undefined) return reject(abandoned)
        finish = (error) => {
          detach()
          if (error === undefined) resolve()
          else reject(error)
        }
        take = taker
        req.on('end', onEnd)
        req.on('error', onError)
        req.on('close', onClose)
        req.on('data', onData)
        req.resume() // one that was paused by hand does not start by a listener alone
      })
    },
    resume: () => {
      if (finish !== undefined) req.resume()
    },
    abandon(error) {
      if (abandoned !== undefined) return
      abandoned = error
      const end = finish
      detach()
      lingerNode(req, contentLength(req.headers['content-length']), bytes)
      end?.(error)
    },
  }
}

function webBody(request: Request): RequestBody {
  if (request.bodyUsed || request.body?.locked === true) throw alreadyRead()
  const reader = request.body?.getReader()
  let bytes = 0
  let goOn: (() => void) | undefined
  let abandoned: Error | undefined
  let giveUp: ((error: Error) => void) | undefined

  async function pump(take: Take): Promise<void> {
    if (reader === undefined) return
    for (;;) {
      const { done, value } = await reader.read().catch((error: unknown) => {
        throw clientGone(bytes, error)
      })
      if (abandoned !== undefined) return // the chunk read meanwhile belongs to what is thrown away
      if (done) break
      bytes += value.byteLength
      if (!take(value)) await new Promise<void>((resolve) => (goOn = resolve))
      if (abandoned !== undefined) return
    }
    reader.releaseLock()
  }

  return {
    length: contentLength(request.headers.get('content-length')),
    header: (name) => request.headers.get(name) ?? undefined,
    read(take) {
      return new Promise<void>((resolve, reject) => {
        if (abandoned !== undefined) return reject(abandoned)
        giveUp = reject
        pump(take).then(resolve, reject)
      })
    },
    resume() {
      const wake = goOn
      goOn = undefined
      wake?.()
    },
    abandon(error) {
      if (abandoned !== undefined) return
      abandoned = error
      giveUp?.(error)
      goOn?.()
      if (reader !== undefined) lingerWeb(reader)
    },
  }
}
