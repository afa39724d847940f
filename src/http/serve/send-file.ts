// Sends a file as a response. Guarantee: exactly what the request asked for (a range, only the head, only if changed),
// in constant memory; the file is removed only when the option's condition has come true.

import { STATUS_CODES } from 'node:http'
import type { Writable } from 'node:stream'
import { finished } from 'node:stream/promises'
import { TempFileError } from '../../errors.ts'
import { checkNodeRequest, checkNodeResponse } from '../../input/program-objects.ts'
import { log } from '../../runtime/observe.ts'
import { type Answer, prepareAnswer } from './answer.ts'
import { type Receipt, requestReceipt } from './receipt.ts'
import {
  isClosed,
  isHttp2,
  type NodeRequest,
  type NodeResponse,
  onClosed,
  type Sendable,
  type SendOptions,
  type SendResult,
} from './send-options.ts'

/**
 * Sends a temp file, a claim or any file by its path, and resolves when the response is over (also when the client
 * left: then `fullySent` is false). Works with node:http and with the compatibility API of node:http2. Answers Range
 * (one range: 206 or 416; several: the whole file), HEAD, If-Match, If-None-Match, If-Modified-Since,
 * If-Unmodified-Since and If-Range as RFC 9110 requires, with a strong ETag; sets Content-Length, Content-Disposition
 * for any file name, `X-Content-Type-Options: nosniff` and `Cache-Control: private, no-store`.
 *
 * If it rejects, nothing was sent, except for ERR_TEMP_IO and ERR_TEMP_TRUNCATED after the first byte (the connection
 * or stream is destroyed then) and ERR_TEMP_CLEANUP (the response is complete).
 *
 * `remove: 'after-full-body'` waits for the client's receipt, for 60 s at most. In HTTP/1 the response is the last of
 * its connection, and the receipt is the client's orderly end of it: a client that leaves with bytes unread resets
 * it, and the file stays. Over HTTPS that is the end of the TCP connection, which Node does not show on Windows: there
 * the file stays. In HTTP/2 the last byte waits until the client has acknowledged the others with two PINGs.
 * Behind a proxy the receipt is the proxy's.
 *
 * @throws ERR_TEMP_REMOVED (the file does not exist any more), ERR_TEMP_OPTION_INVALID (a directory; `remove` for a
 * plain path; an invalid header; headers already sent), ERR_TEMP_IO, ERR_TEMP_TRUNCATED (the file became shorter
 * meanwhile), ERR_TEMP_CLEANUP (the removal failed)
 * @example
 * ```ts
 * import { once } from 'node:events'
 * import { createServer } from 'node:http'
 * import { getTempManager } from 'temp-file-manager'
 * import { sendFile } from 'temp-file-manager/http'
 *
 * const server = createServer(async (req, res) => {
 *   await using invoice = await getTempManager().receive('Invoice 7: 42 euros', { suffix: '.txt' })
 *   await sendFile(req, res, invoice, { fileName: 'invoice-7.txt' })
 * }).listen(0, '127.0.0.1')
 * await once(server, 'listening')
 * const address = server.address()
 * if (address !== null && typeof address === 'object') {
 *   const response = await fetch(`http://127.0.0.1:${address.port}`, { headers: { range: 'bytes=0-8' } })
 *   console.log(response.status, await response.text()) // 206 Invoice 7
 * }
 * server.close()
 * ```
 */
export async function sendFile(
  req: NodeRequest,
  res: NodeResponse,
  entry: Sendable,
  options: SendOptions = {},
): Promise<SendResult> {
  return deliver(res, entry, options, await prepare(req, res, entry, options))
}

/** The part of sendFile that can fail with nothing sent. The caller must then call `deliver` or `close`. */
export async function prepare(
  req: NodeRequest,
  res: NodeResponse,
  entry: Sendable,
  options: SendOptions,
): Promise<Answer> {
  checkNodeRequest(req)
  checkNodeResponse(res)
  refuseStarted(res)
  const request = { method: req.method ?? 'GET', header: (name: string) => headerOf(req, name) }
  const answer = await prepareAnswer(request, entry, options)
  try {
    refuseStarted(res) // something else may have answered while the file was opened
    return answer
  } catch (error) {
    await answer.close()
    throw error
  }
}

/** The part that writes; closes the answer. */
export async function deliver(
  res: NodeResponse,
  entry: Sendable,
  options: SendOptions,
  answer: Answer,
): Promise<SendResult> {
  const onFullBody = options.remove === 'after-full-body' && answer.whole
  const receipt = onFullBody ? requestReceipt(res) : undefined
  const sent = { bytes: 0, fullySent: false }
  try {
    await write(res, answer, receipt, sent)
  } catch (error) {
    if (options.remove === 'after-response') await entry.remove?.()
    throw error
  } finally {
    await answer.close()
    if (!sent.fullySent) receipt?.cancel()
  }
  const received = onFullBody && sent.fullySent && (receipt === undefined || (await receipt.confirmed()))
  const removed = options.remove === 'after-response' || received
  if (removed) await entry.remove?.()
  const result = { status: answer.status, ...sent, removed }
  log.http('file sent: %o', result)
  return result
}

interface Sent {
  bytes: number
  fullySent: boolean
}

/** Writes the answer and waits for the end of the response. @throws ERR_TEMP_IO, ERR_TEMP_TRUNCATED */
async function write(
  res: NodeResponse,
  answer: Answer,
  receipt: Receipt | undefined,
  sent: Sent,
): Promise<void> {
  if (isClosed(res)) return
  const closed = new Promise<void>((resolve) => onClosed(res, resolve)) // also finished() does not report each end
  const over = Promise.race([closed, finished(res, { readable: false }).catch(() => {})]) // the client left
  let finish = false
  res.once('finish', () => {
    finish = true
  })
  writeHead(res, answer)
  let whole = true
  if (answer.body === undefined) res.end()
  else {
    try {
      whole = await writeBody(res, { body: answer.body, length: answer.length }, receipt, sent)
    } catch (error) {
      res.destroy()
      throw error
    }
  }
  await over
  // node:http2 emits 'finish' for a stream that the client cancelled, too; its error code distinguishes the two.
  sent.fullySent = whole && (isHttp2(res) ? res.stream.writableFinished && res.stream.rstCode === 0 : finish)
}

/** The reason phrase is set with the status: one that an earlier status left behind would be sent with this one. */
function writeHead(res: NodeResponse, { status, headers }: Answer): void {
  for (const [name, value] of Object.entries(headers)) res.setHeader(name, value)
  res.statusCode = status
  if (!isHttp2(res)) res.statusMessage = STATUS_CODES[status] ?? ''
}

/**
 * Writes the body, reading one chunk ahead. The last chunk is given to end(), so that in HTTP/2 it shares a frame with
 * the end of the stream. Resolves with false where the client left before that, or the program ended the response.
 * @throws ERR_TEMP_IO, ERR_TEMP_TRUNCATED
 */
async function writeBody(
  res: NodeResponse,
  { body, length }: { body: AsyncGenerator<Uint8Array>; length: number },
  receipt: Receipt | undefined,
  sent: Sent,
): Promise<boolean> {
  const drain = new Drain(res)
  try {
    let reading = body.next()
    for (;;) {
      const { done, value } = await reading
      if (done === true || isOver(res)) return false
      sent.bytes += value.length
      if (sent.bytes === length) return await writeLast(res, value, receipt)
      reading = body.next()
      reading.catch(() => {}) // it is awaited after the write
      if (!writable(res).write(value)) await drain.next()
    }
  } finally {
    drain.stop()
  }
}

async function writeLast(
  res: NodeResponse,
  chunk: Uint8Array,
  receipt: Receipt | undefined,
): Promise<boolean> {
  let last = chunk
  if (receipt?.beforeLastByte !== undefined) {
    writable(res).write(chunk.subarray(0, -1))
    await receipt.beforeLastByte()
    if (isOver(res)) return false
    last = chunk.subarray(-1)
  }
  res.end(last)
  return true
}

/** Whether nothing more can be written: a program's timeout may end the response, too. */
function isOver(res: NodeResponse): boolean {
  return isClosed(res) || res.writableEnded
}

/** The two responses share their overloads only as a Writable. */
function writable(res: NodeResponse): Writable {
  return res
}

/**
 * 'drain' of a response, with one listener for the whole body: `compression` moves these listeners to a stream of its own,
 * from which none can be removed.
 */
class Drain {
  readonly #res: NodeResponse
  readonly #unwatch: () => void
  #wake = (): void => {}

  constructor(res: NodeResponse) {
    this.#res = res
    res.on('drain', this.#onDrain)
    this.#unwatch = onClosed(res, this.#onDrain)
  }

  /** The next 'drain', or the end of the response. */
  next(): Promise<void> {
    return new Promise((resolve) => {
      this.#wake = resolve
      if (isClosed(this.#res)) resolve()
    })
  }

  stop(): void {
    this.#unwatch()
    this.#res.removeListener('drain', this.#onDrain)
  }

  readonly #onDrain = (): void => this.#wake()
}

function headerOf(req: NodeRequest, name: string): string | undefined {
  const value = req.headers[name]
  return Array.isArray(value) ? value.join(', ') : value
}

/** @throws ERR_TEMP_OPTION_INVALID */
function refuseStarted(res: NodeResponse): void {
  if (!res.headersSent) return
  throw new TempFileError(
    'ERR_TEMP_OPTION_INVALID',
    'The response has already started. Call sendFile before anything is written.',
  )
}
