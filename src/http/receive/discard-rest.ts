// Discards the rest of a request that was refused half-way. Closing at once makes the kernel send a reset, which
// can destroy the answer before the client has read it (RFC 9112 section 9.6), and a client such as Python's http.client
// reads nothing before it has sent everything.
// Guarantee: the answer can be read. The rest is discarded within BOUNDS; nginx's lingering_time and lingering_timeout are
// the same 30 and 5 seconds.
//
// A short rest keeps the connection. Otherwise the answer is the last on it: our side is closed after the answer and
// the other side is read to its end.

import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Http2ServerRequest } from 'node:http2'
import { Duplex } from 'node:stream'
import {
  endAfterLastAnswer,
  endAnswered,
  endBeforeBody,
  responseOf,
} from '../../runtime/connection-internals.ts'
import { contentLength } from '../content-length.ts'

/** How much of a refused request is discarded, and for how long. */
export interface DiscardBounds {
  /** The most bytes of one request. */
  readonly bytes: number
  /** The longest time after the answer. */
  readonly afterAnswerMs: number
  /** The longest silence of a client that was answered. */
  readonly silenceMs: number
  /** How long the program may take to answer before the connection is closed without an answer. */
  readonly answerMs: number
  /** A rest up to this size keeps the connection: it is discarded faster than a new connection is made. */
  readonly keepBytes: number
  /** How long a client may take to send it. */
  readonly keepMs: number
  /** HTTP/2: how long after the answer a client may stop by itself before its stream is reset. */
  readonly resetMs: number
  /** How often the times are compared. */
  readonly tickMs: number
}

/** 2 GiB is twice the largest body that the tests refuse. */
const BOUNDS: DiscardBounds = {
  bytes: 2 * 1024 ** 3,
  afterAnswerMs: 30_000,
  silenceMs: 5_000,
  answerMs: 60_000,
  keepBytes: 16 * 1024 * 1024,
  keepMs: 1_000,
  resetMs: 1_000,
  tickMs: 250,
}

/** Discards the rest of a request of node:http or node:http2; an injected one (light-my-request) is read to its end. */
export function discardNode(request: IncomingMessage | Http2ServerRequest, bounds = BOUNDS): void {
  if (request.readableEnded || request.destroyed || hasNoBody(request)) return
  const socket: unknown = request.socket
  if ('stream' in request) discardHttp2(request, bounds)
  else if (!(socket instanceof Duplex)) request.resume()
  else if (!socket.destroyed) new Rest(request, bounds).discard()
}

/**
 * Discards the rest of a request when other code refuses it: a head with an error status is about to be written,
 * and the answer may be the last on its connection.
 */
export function discardBehindRefusal(
  request: IncomingMessage | Http2ServerRequest,
  response: { writeHead(status: number, ...rest: unknown[]): unknown },
): void {
  const { writeHead } = response
  response.writeHead = (status, ...rest) => {
    if (status >= 400) discardNode(request, { ...BOUNDS, keepBytes: -1 })
    return Reflect.apply(writeHead, response, [status, ...rest])
  }
}

/** The rest of one HTTP/1 request. */
class Rest {
  readonly #request: IncomingMessage
  readonly #bounds: DiscardBounds
  /** Null: it has finished. Undefined: it waits behind an earlier one, and the connection is left as it is until its turn. */
  #response: ServerResponse | null | undefined
  readonly #readBefore: number
  #timer: NodeJS.Timeout | undefined
  #last = false
  #read = 0
  #waitedMs = 0
  #answeredMs = 0
  #silentMs = 0

  constructor(request: IncomingMessage, bounds: DiscardBounds) {
    this.#request = request
    this.#bounds = bounds
    this.#response = responseOf(request)
    this.#readBefore = request.socket.bytesRead
  }

  discard(): void {
    const { socket, headers } = this.#request
    this.#request.on('error', ignore)
    this.#request.on('end', this.#onEnd)
    socket.on('close', this.#done)
    const { tickMs, keepBytes } = this.#bounds
    this.#timer = setInterval(this.#tick, tickMs).unref()
    const keeps =
      this.#response?.shouldKeepAlive === true &&
      (contentLength(headers['content-length']) ?? Infinity) <= keepBytes
    if (keeps || this.#response === undefined) this.#request.resume()
    else this.#makeLast()
  }

  readonly #onEnd = (): void => {
    if (!this.#last) this.#done()
  }

  readonly #done = (): void => {
    clearInterval(this.#timer)
    this.#request.removeListener('end', this.#onEnd)
    this.#request.removeListener('error', ignore)
    this.#request.socket.removeListener('close', this.#done)
    this.#response?.removeListener('finish', this.#onAnswered)
  }

  /** Closes only our side. */
  readonly #onAnswered = (): void => {
    endAnswered(this.#request.socket)
  }

  readonly #tick = (): void => {
    const { socket } = this.#request
    const { bytes, tickMs, keepMs } = this.#bounds
    const read = socket.bytesRead - this.#readBefore
    if (this.#response === undefined) this.#response = responseOf(this.#request)
    if (this.#response === undefined) {
      if (read > bytes) socket.pause()
      return
    }
    this.#waitedMs += tickMs
    this.#silentMs = read === this.#read ? this.#silentMs + tickMs : 0
    this.#read = read
    if (this.#isOver()) {
      this.#done()
      socket.destroy()
    } else if (read > bytes) socket.pause()
    else if (!this.#last && this.#waitedMs >= keepMs) this.#makeLast()
  }

  /** Whether a bound is reached at which the connection is closed. */
  #isOver(): boolean {
    const { bytes, afterAnswerMs, silenceMs, answerMs, tickMs } = this.#bounds
    if (this.#response?.writableFinished === false) return this.#waitedMs >= answerMs
    this.#answeredMs += tickMs
    return this.#read > bytes || this.#answeredMs >= afterAnswerMs || this.#silentMs >= silenceMs
  }

  /** Makes the answer the last one on the connection, closes only our side after it, and reads on. */
  #makeLast(): void {
    this.#last = true
    const { socket } = this.#request
    const response = this.#response
    endAfterLastAnswer(socket)
    if (response === null || response?.writableFinished === true) endAnswered(socket)
    else if (response?.headersSent === true) response.once('finish', this.#onAnswered)
    else response?.setHeader('Connection', 'close')
    endBeforeBody(this.#request)
    socket.resume() // the parser may have stopped reading, and nothing else resumes it for a request that has ended
  }
}

/**
 * After its answer a stream is reset without an error, which asks the client to stop sending (RFC 9113 section 8.1); not at
 * once: curl 7.88 that reads the answer and the reset together drops the answer (exit code 92).
 */
function discardHttp2(request: Http2ServerRequest, { answerMs, resetMs }: DiscardBounds): void {
  const { stream } = request
  const close = (): void => stream.close()
  let timer = setTimeout(close, answerMs).unref()
  const onAnswered = (): void => {
    clearTimeout(timer)
    timer = setTimeout(close, resetMs).unref()
  }
  request.on('error', ignore)
  if (stream.writableFinished) onAnswered()
  else stream.once('finish', onAnswered)
  stream.once('close', () => {
    clearTimeout(timer)
    stream.removeListener('finish', onAnswered)
    request.removeListener('error', ignore)
  })
  request.resume() // unread bytes would use up the window that all streams of the connection share
}

/** Discards the rest of a Fetch request's body, within the same bounds, and then cancels it. Resolves when that is done. */
export function discardWeb(reader: ReadableStreamDefaultReader<Uint8Array>, bounds = BOUNDS): Promise<void> {
  return new Promise((resolve) => {
    let left = bounds.bytes
    let silence: NodeJS.Timeout | undefined
    let over = false
    const stop = (): void => {
      over = true
      clearTimeout(silence)
      clearTimeout(total)
      reader.cancel().then(resolve, () => resolve())
    }
    const total = setTimeout(stop, bounds.afterAnswerMs).unref()
    const next = (): void => {
      clearTimeout(silence)
      silence = setTimeout(stop, bounds.silenceMs).unref()
      reader.read().then(({ done, value }) => {
        if (over) return
        left -= value?.byteLength ?? 0
        if (done || left < 0) stop()
        else next()
      }, stop)
    }
    next()
  })
}

/** By its header fields (RFC 9112 section 6.3). A stream of HTTP/2 needs neither. */
function hasNoBody({ headers, httpVersionMajor }: IncomingMessage | Http2ServerRequest): boolean {
  const { 'content-length': length, 'transfer-encoding': coding } = headers
  return httpVersionMajor === 1 && coding === undefined && (length === undefined || length === '0')
}

function ignore(): void {}
