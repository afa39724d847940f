// Streams a file to a URL, whole or in pieces. Promise: constant memory, an error that says how far it got, and
// neither a timer nor a socket left after it has settled.

import { open } from 'node:fs/promises'
import type { IncomingHttpHeaders } from 'node:http'
import { errnoOf, ioError, isTempFileError, TempFileError } from '../../errors.ts'
import { type Duration, type Size, toBytes, toMilliseconds } from '../../input/units.ts'
import { abortError, onAbort } from '../../runtime/abort.ts'
import { log } from '../../runtime/observe.ts'
import { type Progress, progressOf } from '../../streams/progress.ts'
import { gone } from '../serve/answer.ts'
import { type PieceReply, sendPiece } from './put-piece.ts'
import { backOff, isPassing, waitAsked } from './retry-transfer.ts'
import { webAddress } from './web-address.ts'

/** How a file is sent to a URL. */
export interface PutOptions {
  /** Default 'PUT'. */
  readonly method?: 'PUT' | 'POST' | 'PATCH' | undefined
  readonly headers?: Readonly<Record<string, string>> | undefined
  /** Content-Type; default 'application/octet-stream'. */
  readonly type?: string | undefined
  readonly signal?: AbortSignal | undefined
  /** Gives up when nothing has moved for so long: ERR_TEMP_TIMEOUT. Default '30s'. */
  readonly timeout?: Duration | undefined
  /** Send pieces of so many bytes, each a request with Content-Range; default: the whole file in one. */
  readonly chunkBytes?: Size | undefined
  /** How often a piece is sent again after a broken connection, a timeout, 408, 429 or 5xx. Default 3 with `chunkBytes`, else 0. */
  readonly retries?: number | undefined
  /** The wait before the first retry, doubled each time (at most 30 s); a Retry-After is honoured. Default '500ms'. */
  readonly retryDelay?: Duration | undefined
  /** Called at most ten times a second, and once more at the end. A piece that is sent again counts again from its start. */
  readonly onProgress?: ((progress: Progress) => void) | undefined
}

/** What the server said to the last byte. */
export interface PutResult {
  readonly status: number
  /** Bytes of the file, all of which were sent. */
  readonly bytes: number
  /** The answer's body as text, at most 64 KiB of it. */
  readonly body: string
  readonly headers: IncomingHttpHeaders
}

/**
 * Streams a file to a URL with Content-Length. With `chunkBytes` it goes in pieces with Content-Range, each
 * answered 2xx, or 308 with a Range header that says how much has been stored (as resumable uploads of Google
 * do it); what was not stored is sent again.
 *
 * @throws ERR_TEMP_UPLOAD_FAILED (no answer, or none of 2xx), ERR_TEMP_TIMEOUT, ERR_TEMP_ABORTED; these say in
 * `details` how far it got: `bytes` and `total`, and `status` where there was one. ERR_TEMP_REMOVED (the file is
 * gone), ERR_TEMP_TRUNCATED (it became shorter meanwhile), ERR_TEMP_IO, ERR_TEMP_OPTION_INVALID
 * @example
 * ```ts
 * import { once } from 'node:events'
 * import { createServer } from 'node:http'
 * import { getTempManager } from 'temp-file-manager'
 * import { putFile, receiveBody } from 'temp-file-manager/http'
 *
 * const server = createServer(async (req, res) => {
 *   await using file = await receiveBody(req, getTempManager())
 *   res.end(`got ${file.bytes}`)
 * }).listen(0, '127.0.0.1')
 * await once(server, 'listening')
 * const address = server.address()
 * if (address !== null && typeof address === 'object') {
 *   await using file = await getTempManager().receive('some bytes')
 *   const { status, body } = await putFile(`http://127.0.0.1:${address.port}/target`, file)
 *   console.log(status, body) // 200 got 10
 * }
 * server.close()
 * ```
 */
export async function putFile(
  url: string | URL,
  file: { readonly path: string },
  options: PutOptions = {},
): Promise<PutResult> {
  const target = webAddress(url)
  const timeout = toMilliseconds(options.timeout ?? '30s', 'timeout')
  const retryDelay = toMilliseconds(options.retryDelay ?? '500ms', 'retryDelay')
  const chunkBytes = options.chunkBytes === undefined ? undefined : toBytes(options.chunkBytes, 'chunkBytes')
  if (chunkBytes === 0)
    throw new TempFileError('ERR_TEMP_OPTION_INVALID', 'chunkBytes must be at least 1 byte.')
  const retries = options.retries ?? (chunkBytes === undefined ? 0 : 3)
  if (!Number.isSafeInteger(retries) || retries < 0) {
    throw new TempFileError('ERR_TEMP_OPTION_INVALID', 'retries must be a whole number, 0 or more.')
  }
  const handle = await open(file.path, 'r').catch((error: unknown) => {
    throw errnoOf(error) === 'ENOENT'
      ? gone(file.path, error)
      : ioError(error, 'read the file to send', file.path)
  })
  const stop = new AbortController()
  const detach = onAbort([options.signal], (signal) => stop.abort(abortError(signal.reason)))
  let stored = 0 // what the server has confirmed
  let sent = 0
  let total = 0
  try {
    total = (await handle.stat()).size
    const progress = progressOf(options.onProgress, total)
    for (let failures = 0; ; ) {
      const start = stored
      const end = chunkBytes === undefined ? total : Math.min(total, start + chunkBytes)
      sent = start
      try {
        stop.signal.throwIfAborted()
        const reply = await sendPiece({
          target,
          handle,
          start,
          end,
          total: chunkBytes === undefined ? undefined : total,
          method: options.method ?? 'PUT',
          headers: { 'content-type': options.type ?? 'application/octet-stream', ...options.headers },
          timeout,
          signal: stop.signal,
          onBytes(bytes) {
            sent += bytes
            progress?.at(sent)
          },
        })
        const confirmed = confirmedBy(reply, start, end, total, chunkBytes !== undefined)
        if (confirmed === total && reply.status !== 308) {
          progress?.end(total)
          return { status: reply.status, bytes: total, body: reply.body, headers: reply.headers }
        }
        if (confirmed > start) {
          stored = confirmed
          failures = 0
          continue
        }
        throw refused(reply)
      } catch (error) {
        if (failures >= retries || stop.signal.aborted || !isPassing(error)) throw error
        await backOff(Math.max(retryDelay * 2 ** failures, waitAsked(error)), stop.signal)
        failures += 1
        log.http('sending again from byte %d, attempt %d: %O', stored, failures + 1, error)
      }
    }
  } catch (error) {
    const reason: unknown = stop.signal.aborted ? stop.signal.reason : error
    throw withDistance(reason, chunkBytes === undefined ? sent : stored, total)
  } finally {
    detach()
    await handle.close()
  }
}

/** Where the next piece begins. A 2xx stores the piece; a 308 stores what its Range header says. */
function confirmedBy(reply: PieceReply, start: number, end: number, total: number, pieces: boolean): number {
  if (reply.status >= 200 && reply.status < 300) return end
  if (!pieces || reply.status !== 308) throw refused(reply)
  const range = /^(?:bytes=)?0-(\d+)$/.exec(String(reply.headers.range ?? ''))
  const next = range === null ? start : Number(range[1]) + 1
  if (next > end || (end === total && next === total)) throw refused(reply) // more than was sent, or never finished
  return next
}

function refused({ status, headers }: PieceReply): TempFileError {
  const retryAfter = Number(headers['retry-after'])
  const redirect =
    status >= 300 && status < 400 && status !== 308
      ? ' Redirects are not followed: give the final address.'
      : ''
  return new TempFileError(
    'ERR_TEMP_UPLOAD_FAILED',
    `The server answered with status ${status}.${redirect}`,
    {
      details: { status, ...(Number.isFinite(retryAfter) && retryAfter > 0 ? { retryAfter } : {}) },
    },
  )
}

/** The same error, saying how far the upload got. */
function withDistance(error: unknown, bytes: number, total: number): unknown {
  if (!isTempFileError(error)) return error
  const { code, cause, path, details } = error
  return new TempFileError(code, error.message, {
    cause: cause ?? error,
    path,
    details: { ...details, bytes, total },
  })
}
