// One request that carries a part of a file. Promise: it settles once, and whatever way it settles, its stream,
// its socket and its listeners are done with.

import type { FileHandle } from 'node:fs/promises'
import { request as httpRequest, type IncomingHttpHeaders, type IncomingMessage } from 'node:http'
import { request as httpsRequest } from 'node:https'
import { Readable } from 'node:stream'
import { ioError, TempFileError } from '../../errors.ts'
import { silent } from './silence.ts'

export interface Piece {
  readonly target: URL
  readonly handle: FileHandle
  /** First byte, and the one after the last. */
  readonly start: number
  readonly end: number
  /** The whole file's bytes, for Content-Range; undefined sends none. */
  readonly total: number | undefined
  readonly method: string
  readonly headers: Readonly<Record<string, string>>
  readonly timeout: number
  readonly signal: AbortSignal
  onBytes(bytes: number): void
}

export interface PieceReply {
  readonly status: number
  readonly headers: IncomingHttpHeaders
  readonly body: string
}

const READ_BYTES = 256 * 1024
const MAX_REPLY_BYTES = 64 * 1024

/** Sends it and reads the answer. @throws ERR_TEMP_UPLOAD_FAILED, ERR_TEMP_TIMEOUT, ERR_TEMP_IO, ERR_TEMP_TRUNCATED, the signal's reason */
export function sendPiece(piece: Piece): Promise<PieceReply> {
  const { target, start, end, total, signal } = piece
  return new Promise((resolve, reject) => {
    let file: Readable | undefined
    let settled = false
    const settle = (error: unknown, reply?: PieceReply): void => {
      if (settled) return
      settled = true
      signal.removeEventListener('abort', onAbort)
      file?.destroy()
      if (reply === undefined) {
        request.destroy()
        reject(error)
      } else {
        if (!request.writableFinished) request.destroy() // it was answered early and hears no more
        resolve(reply)
      }
    }
    const onAbort = (): void => settle(signal.reason)
    const request = (target.protocol === 'https:' ? httpsRequest : httpRequest)(target, {
      method: piece.method,
      timeout: piece.timeout,
      headers: {
        ...piece.headers,
        'content-length': end - start,
        ...(total === undefined
          ? {}
          : { 'content-range': total === 0 ? 'bytes */0' : `bytes ${start}-${end - 1}/${total}` }),
      },
    })
    request.on('error', (cause) => settle(broken(cause)))
    request.on('timeout', () => settle(silent(piece.timeout)))
    request.on('response', (response) => {
      readReply(response).then((reply) => settle(undefined, reply), settle)
    })
    signal.addEventListener('abort', onAbort, { once: true })
    if (end === start) {
      request.end()
      return
    }
    file = Readable.from(read(piece), { objectMode: false, highWaterMark: READ_BYTES })
    file.on('error', (error) => settle(ioError(error, 'read the file while sending it')))
    file.pipe(request)
  })
}

/** The piece's bytes, told of as the connection asks for more. Not the handle's own stream, which would close it. */
async function* read({ handle, start, end, onBytes }: Piece): AsyncGenerator<Uint8Array> {
  for (let position = start; position < end; ) {
    const buffer = Buffer.allocUnsafe(Math.min(READ_BYTES, end - position))
    const { bytesRead } = await handle.read(buffer, 0, buffer.length, position)
    if (bytesRead === 0) throw shorter()
    position += bytesRead
    yield buffer.subarray(0, bytesRead)
    onBytes(bytesRead)
  }
}

/** Reads an answer, as much of it as is kept. */
async function readReply(response: IncomingMessage): Promise<PieceReply> {
  const chunks: Uint8Array[] = []
  let bytes = 0
  try {
    for await (const chunk of response as AsyncIterable<Uint8Array>) {
      // no encoding is set: the chunks are bytes
      if (bytes < MAX_REPLY_BYTES) chunks.push(chunk.subarray(0, MAX_REPLY_BYTES - bytes))
      bytes += chunk.length
    }
  } catch (cause) {
    if (response.statusCode === undefined || response.statusCode < 300) throw broken(cause)
    // a refusal that is cut off is still a refusal
  }
  return {
    status: response.statusCode ?? 0,
    headers: response.headers,
    body: Buffer.concat(chunks).toString(),
  }
}

function broken(cause: unknown): TempFileError {
  return new TempFileError(
    'ERR_TEMP_UPLOAD_FAILED',
    "The connection to the server broke off. See this error's cause.",
    { cause },
  )
}

function shorter(): TempFileError {
  return new TempFileError(
    'ERR_TEMP_TRUNCATED',
    'The file became shorter while it was being sent. Send it when it is complete.',
  )
}
