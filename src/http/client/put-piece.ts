// One request that carries a file or a part of it. Guarantee: it settles once, and then its stream, its timer and its
// listeners are gone; an answer that the server gave before it closed the connection is read, not lost.

import type { FileHandle } from 'node:fs/promises'
import {
  type ClientRequest,
  request as httpRequest,
  type IncomingHttpHeaders,
  type IncomingMessage,
} from 'node:http'
import { request as httpsRequest } from 'node:https'
import type { Socket } from 'node:net'
import { Readable } from 'node:stream'
import { TempFileError } from '../../errors.ts'
import { onAbort } from '../../runtime/abort.ts'
import { readPart } from '../file-bytes.ts'
import { keepReading } from './keep-reading.ts'
import { silent } from './silence.ts'

export interface Piece {
  readonly target: URL
  readonly handle: FileHandle
  /** First byte, and the byte after the last. */
  readonly start: number
  readonly end: number
  /** The whole file's bytes, for Content-Range; undefined sends none. */
  readonly total: number | undefined
  readonly method: string
  readonly headers: Readonly<Record<string, string>>
  readonly timeoutMs: number
  readonly signal: AbortSignal
  onBytes(bytes: number): void
  /** An interim response (1xx). An error that it throws ends the request. */
  onInformation?(status: number, headers: IncomingHttpHeaders): void
}

export interface PieceReply {
  readonly status: number
  readonly headers: IncomingHttpHeaders
  readonly body: string
}

const MAX_REPLY_BYTES = 64 * 1024

/**
 * How much more of an answer is read than its result needs. That of a refusal only keeps the connection. A server that
 * answers while it reads (an echo) must not be cut off before its end: a reset would destroy what it has not read.
 */
const MAX_REST_BYTES = 16 * 1024 * 1024
/** A server that reads while it answers may stop for so long: a segment that is sent once more takes 200 ms and more, tcp(7). */
const MAX_STALL_MS = 2_000
const REFUSAL_MS = 1_000
const REST_MS = 30_000

/**
 * Sends it and reads the answer, of any status.
 * @throws ERR_TEMP_UPLOAD_FAILED (no answer, or a success before the whole piece was sent), ERR_TEMP_TIMEOUT,
 * ERR_TEMP_IO, ERR_TEMP_TRUNCATED, the signal's reason
 */
export async function sendPiece(piece: Piece): Promise<PieceReply> {
  piece.signal.throwIfAborted()
  const request = openRequest(piece)
  const body = Readable.from(countedBytes(piece), { objectMode: false })
  let leaveSocket = (): void => {}
  let unwatch = (): void => {}
  let reusable = false
  try {
    const reply = await new Promise<PieceReply>((resolve, reject) => {
      unwatch = onAbort([piece.signal], ({ reason }) => reject(reason))
      request.on('information', ({ statusCode, headers }) => {
        try {
          piece.onInformation?.(statusCode, headers)
        } catch (error) {
          reject(error)
        }
      })
      request.on('socket', (socket: Socket) => {
        leaveSocket = attend(socket, request, () => reject(silent(piece.timeoutMs)))
      })
      body.on('error', reject)
      exchange(request).then(resolve, reject)
      body.pipe(request)
    })
    reusable = request.writableFinished
    return reply
  } finally {
    unwatch()
    leaveSocket()
    body.destroy()
    if (!reusable) request.destroy() // else its connection goes back to the agent
  }
}

function openRequest({ target, start, end, total, method, headers, timeoutMs }: Piece): ClientRequest {
  const range = start === end ? '*' : `${start}-${end - 1}`
  return (target.protocol === 'https:' ? httpsRequest : httpRequest)(target, {
    method,
    timeout: timeoutMs,
    headers: {
      ...headers,
      'content-length': end - start,
      ...(total === undefined ? {} : { 'content-range': `bytes ${range}/${total}` }),
    },
  })
}

/**
 * Node takes its own listeners off the socket as soon as the whole answer has come (Node 20 to 26), also when most of the
 * request is still to be sent: without 'drain' and 'timeout' that request would wait for ever. Returns the undo function.
 */
function attend(socket: Socket, request: ClientRequest, onTimeout: () => void): () => void {
  const stopReading = keepReading(socket)
  const onDrain = (): void => {
    if (request.writableNeedDrain) request.emit('drain')
  }
  socket.on('drain', onDrain)
  socket.on('timeout', onTimeout)
  return () => {
    stopReading()
    socket.removeListener('drain', onDrain)
    socket.removeListener('timeout', onTimeout)
  }
}

async function* countedBytes({ handle, start, end, onBytes }: Piece): AsyncGenerator<Uint8Array> {
  for await (const chunk of readPart(handle, start, end)) {
    yield chunk
    onBytes(chunk.length)
  }
}

/** The answer. A refusal counts as soon as it comes; a success only once everything was sent. */
async function exchange(request: ClientRequest): Promise<PieceReply> {
  const sent = new Promise<boolean>((resolve) => {
    request.once('finish', () => resolve(true))
    request.once('close', () => resolve(false))
  })
  const response = await new Promise<IncomingMessage>((resolve, reject) => {
    request.on('error', (cause) => reject(broken(cause))) // stays: an error after the response is expected below
    request.once('response', resolve)
    request.once('close', () => reject(broken(undefined))) // 101 has no 'response' and no 'error'
  })
  const reply = await readReply(response, request)
  if (reply.status >= 300 || (await sent)) return reply
  throw broken(undefined, reply.status)
}

/** Reads an answer, and keeps at most 64 KiB of it. One that does not end is closed. */
async function readReply(response: IncomingMessage, request: ClientRequest): Promise<PieceReply> {
  const { statusCode: status = 0, headers } = response
  const chunks: Uint8Array[] = []
  let bytes = 0
  const rest = boundRest(response, request)
  try {
    // No encoding is set: the chunks are bytes.
    for await (const chunk of response as AsyncIterable<Uint8Array>) {
      if (bytes < MAX_REPLY_BYTES) chunks.push(chunk.subarray(0, MAX_REPLY_BYTES - bytes))
      bytes += chunk.length
      if (bytes >= MAX_REPLY_BYTES && rest.isTooLong(chunk.length)) break
    }
  } catch (cause) {
    if (status < 300 && bytes < MAX_REPLY_BYTES) throw broken(cause, status)
    // A refusal that is cut off is still a refusal, and of a success the result was read.
  } finally {
    rest.end()
  }
  return { status, headers, body: Buffer.concat(chunks).toString() }
}

/** Ends an answer that does not end by itself. */
function boundRest(response: IncomingMessage, request: ClientRequest) {
  const isRefusal = (response.statusCode ?? 0) >= 300
  let rest = 0
  let written = 0
  let movedAt = performance.now()
  let timer: NodeJS.Timeout | undefined
  const endWithin = (ms: number): void => {
    timer ??= setTimeout(() => response.destroy(), ms).unref()
  }
  if (isRefusal) endWithin(REFUSAL_MS)
  return {
    /** Counts a chunk that the result does not need. */
    isTooLong(bytes: number): boolean {
      const { bytesWritten } = response.socket
      const isSent = isRefusal || request.writableFinished
      if (isSent) endWithin(REST_MS)
      else if (written !== bytesWritten) {
        rest = 0 // the server reads while it answers
        movedAt = performance.now()
      }
      written = bytesWritten
      rest += bytes
      return rest > MAX_REST_BYTES && (isSent || performance.now() - movedAt > MAX_STALL_MS)
    },
    end: (): void => clearTimeout(timer),
  }
}

function broken(cause: unknown, status?: number): TempFileError {
  if (status === undefined) {
    const message = "The connection to the server failed. See this error's cause."
    return new TempFileError('ERR_TEMP_UPLOAD_FAILED', message, { cause })
  }
  return new TempFileError(
    'ERR_TEMP_UPLOAD_FAILED',
    `The server answered with status ${status} and closed the connection before the exchange was complete.`,
    { cause, details: { status } },
  )
}
