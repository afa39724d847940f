// Streams a file to a URL, whole or in pieces. Guarantee: constant memory; an error reports how far the upload got; no
// timer, socket or descriptor stays open after it has settled.

import type { IncomingHttpHeaders } from 'node:http'
import { isTempFileError, optionError, TempFileError } from '../../errors.ts'
import { forLog } from '../../input/names.ts'
import {
  abortSignal,
  boolean,
  callback,
  duration,
  integer,
  oneOf,
  optionsOf,
  recordOf,
  size,
  text,
  timerDuration,
} from '../../input/options.ts'
import type { Duration, Size } from '../../input/units.ts'
import { abortError, onAbort, untilAborted } from '../../runtime/abort.ts'
import { log } from '../../runtime/observe.ts'
import { type ProgressReport, progressOf } from '../../streams/progress.ts'
import type { Progress } from '../../types.ts'
import { openToSend, pathToSend } from '../file-bytes.ts'
import { type PieceReply, sendPiece } from './put-piece.ts'
import type { Plan, Upload } from './put-plan.ts'
import { putResumable } from './put-resumable.ts'
import { checkRequestHeaders } from './request-headers.ts'
import { backOff, isTransient, requestedDelay, secondsToWait } from './retry-transfer.ts'
import { SavedUpload } from './saved-upload.ts'
import { webAddress } from './web-address.ts'

/** Options of {@link putFile}. */
export interface PutOptions {
  /** Default 'PUT'. */
  readonly method?: 'PUT' | 'POST' | 'PATCH' | undefined
  readonly headers?: Readonly<Record<string, string>> | undefined
  /** Content-Type; default: the file's `detectedType`, else 'application/octet-stream'. */
  readonly type?: string | undefined
  readonly signal?: AbortSignal | undefined
  /** Gives up when no byte has moved for this long: ERR_TEMP_TIMEOUT. Default '30s'; 0: never. */
  readonly timeout?: Duration | undefined
  /** Send pieces of this size, each a request with Content-Range; default: the whole file in one request. */
  readonly chunkBytes?: Size | undefined
  /** How often a piece is sent again after a broken connection, a timeout, 408, 429 or 5xx. Default 3 with `chunkBytes`, else 0. */
  readonly retries?: number | undefined
  /** The wait before the first retry, doubled each time (at most 30 s); a Retry-After, in seconds or as a date, is honoured. Default '500ms'. */
  readonly retryDelay?: Duration | undefined
  /**
   * Continue after interruptions where the server is, also after a restart of this process: by the IETF draft for resumable
   * uploads, or by tus 1.0 where the server speaks that. `method` is then 'POST' and `retries` 10 by default.
   */
  readonly resumable?: boolean | undefined
  /** Called at most ten times a second, and once at the end. A piece that is sent again counts again from its start. */
  readonly onProgress?: ((progress: Progress) => void) | undefined
}

/** The server's answer to the last byte. */
export interface PutResult {
  readonly status: number
  /** Bytes of the file, all of which were sent. */
  readonly bytes: number
  /** The answer's body as text, at most 64 KiB of it. */
  readonly body: string
  readonly headers: IncomingHttpHeaders
}

/** The source of {@link putFile}: a temp file, or any file by its path. */
export interface PutSource {
  readonly path: string
  readonly detectedType?: string | undefined
}

/**
 * Streams a file to a URL with Content-Length. With `chunkBytes` it goes in pieces with Content-Range, one request
 * after the other, each of which the server must answer with 2xx; a piece that failed is sent again. An answer that
 * comes before the whole file was sent is read: a refusal rejects with its status at once.
 *
 * @throws ERR_TEMP_UPLOAD_FAILED (no answer, or none of 2xx), ERR_TEMP_TIMEOUT, ERR_TEMP_ABORTED: `details` of these
 * has the bytes sent (`bytes`) and their number in all (`total`), and `status` if the server answered. ERR_TEMP_REMOVED
 * (the file does not exist any more), ERR_TEMP_TRUNCATED (it became shorter meanwhile), ERR_TEMP_IO,
 * ERR_TEMP_OPTION_INVALID
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
  file: PutSource,
  options: PutOptions = {},
): Promise<PutResult> {
  const path = pathToSend(file)
  const plan = planOf(url, file, options)
  const { handle, stats } = await openToSend(file)
  const stop = new AbortController()
  const detach = onAbort([options.signal], (signal) => stop.abort(abortError(signal.reason)))
  const upload: Upload = { ...plan, handle, total: stats.size, signal: stop.signal, confirmed: 0, sent: 0 }
  const host = forLog(plan.target.host)
  log.http('sending %d bytes to %s', upload.total, host)
  try {
    const reply = upload.resumable
      ? await sendResumable(upload, new SavedUpload(upload.target, path, stats), options.onProgress)
      : await sendAll(upload, options.onProgress)
    log.http('sent %d bytes to %s: status %d', upload.total, host, reply.status)
    return { ...reply, bytes: upload.total }
  } catch (error) {
    const reason = withDistance(stop.signal.aborted ? stop.signal.reason : error, upload)
    log.http('sending to %s failed after %d of %d bytes: %O', host, upload.sent, upload.total, reason)
    throw reason
  } finally {
    detach()
    await handle.close()
  }
}

const checkOptions = optionsOf('putFile', {
  method: oneOf('PUT', 'POST', 'PATCH'),
  headers: recordOf(text),
  type: text,
  signal: abortSignal,
  timeout: timerDuration,
  chunkBytes: size,
  retries: integer(),
  retryDelay: duration,
  resumable: boolean,
  onProgress: callback<NonNullable<PutOptions['onProgress']>>(),
})

function planOf(url: string | URL, file: PutSource, options: PutOptions): Plan {
  const { chunkBytes, headers, resumable = false, ...given } = checkOptions(options)
  checkChunkBytes(chunkBytes, resumable)
  return {
    target: webAddress(url),
    resumable,
    method: given.method ?? (resumable ? 'POST' : 'PUT'),
    headers: headersOf(headers, given.type ?? file.detectedType),
    timeoutMs: given.timeout ?? 30_000,
    chunkBytes,
    retries: given.retries ?? usualRetries(chunkBytes, resumable),
    retryDelayMs: given.retryDelay ?? 500,
  }
}

function checkChunkBytes(chunkBytes: number | undefined, resumable: boolean): void {
  if (resumable && chunkBytes !== undefined)
    throw optionError(
      'chunkBytes',
      'chunkBytes has no meaning with resumable: the server decides the size of each request.',
    )
  if (chunkBytes === 0) throw optionError('chunkBytes', 'chunkBytes must be at least 1 byte.')
}

/** Pieces can be repeated without sending the whole file again. */
function usualRetries(chunkBytes: number | undefined, resumable: boolean): number {
  if (resumable) return 10
  return chunkBytes === undefined ? 0 : 3
}

function headersOf(headers: Plan['headers'] | undefined, type: string | undefined): Plan['headers'] {
  const [, named] = Object.entries(headers ?? {}).find(([name]) => /^content-type$/i.test(name)) ?? []
  const sent = { ...headers, 'content-type': named ?? type ?? 'application/octet-stream' }
  checkRequestHeaders(sent)
  return sent
}

async function sendResumable(
  upload: Upload,
  saved: SavedUpload,
  onProgress: PutOptions['onProgress'],
): Promise<PieceReply> {
  const progress = progressOf(onProgress, upload.total)
  const reply = await putResumable(upload, saved, (bytes) => progress?.at(bytes))
  await endProgress(progress, upload)
  return reply
}

/** Sends piece after piece (an empty file is one piece of no bytes) and returns the last answer. */
async function sendAll(upload: Upload, onProgress: PutOptions['onProgress']): Promise<PieceReply> {
  const progress = progressOf(onProgress, upload.total)
  for (;;) {
    const end = Math.min(upload.total, upload.confirmed + (upload.chunkBytes ?? upload.total))
    const reply = await withRetries(upload, () => sendOnce(upload, end, (bytes) => progress?.at(bytes)))
    upload.confirmed = end
    if (end < upload.total) continue
    await endProgress(progress, upload)
    return reply
  }
}

async function endProgress(progress: ProgressReport | undefined, { total, signal }: Upload): Promise<void> {
  if (progress !== undefined) await untilAborted([signal], () => progress.end(total))
}

async function sendOnce(upload: Upload, end: number, onSent: (bytes: number) => void): Promise<PieceReply> {
  upload.sent = upload.confirmed
  const reply = await sendPiece({
    ...upload,
    start: upload.confirmed,
    end,
    total: upload.chunkBytes === undefined ? undefined : upload.total,
    onBytes(bytes) {
      upload.sent += bytes
      onSent(upload.sent)
    },
  })
  if (reply.status < 200 || reply.status >= 300) throw refused(reply)
  return reply
}

async function withRetries<T>({ retries, retryDelayMs, signal }: Upload, send: () => Promise<T>): Promise<T> {
  for (let failures = 0; ; failures += 1) {
    try {
      return await send()
    } catch (error) {
      if (failures >= retries || signal.aborted || !isTransient(error)) throw error
      log.http('attempt %d failed, sending again: %O', failures + 1, error)
      await backOff(Math.max(retryDelayMs * 2 ** failures, requestedDelay(error)), signal)
    }
  }
}

function refused({ status, headers }: PieceReply): TempFileError {
  const retryAfter = secondsToWait(headers)
  const redirect = status >= 300 && status < 400 ? ' Redirects are not followed: pass the final URL.' : ''
  return new TempFileError(
    'ERR_TEMP_UPLOAD_FAILED',
    `The server answered with status ${status}.${redirect}`,
    {
      details: { status, ...(retryAfter === undefined ? {} : { retryAfter }) },
    },
  )
}

/** The same error, with how far the upload got: for a file in pieces, only what the server has confirmed counts. */
function withDistance(error: unknown, { chunkBytes, confirmed, sent, total }: Upload): unknown {
  if (!isTempFileError(error)) return error
  const { code, message, cause, path, details } = error
  const bytes = chunkBytes === undefined ? sent : confirmed
  return new TempFileError(code, message, { cause, path, details: { ...details, bytes, total } })
}
