// What becomes of the rest of a request that was refused half-way. Closing at once makes the kernel send a reset, which
// can destroy the answer before the client has read it (RFC 9112 section 9.6), and a client such as Python's http.client
// reads nothing before it has sent everything.
// Guarantee: the answer can be read. The rest is discarded: up to DISCARD_BYTES, and after the answer for up to
// DISCARD_MS while bytes keep coming (nginx's lingering_time and lingering_timeout are the same 30 and 5 seconds).
//
// A short rest keeps the connection. Otherwise the answer is the last on it: our side is closed after the answer and
// the other side is read to its end.

import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Http2ServerRequest } from 'node:http2'
import { endBeforeBody, responseOf } from '../../runtime/node-internals.ts'

/** The most that is discarded for one request; twice the largest body that the tests refuse. */
const DISCARD_BYTES = 2 * 1024 ** 3
/** The longest time of discarding after the answer. */
const DISCARD_MS = 30_000
/** The longest silence of a client that was answered. */
const SILENCE_MS = 5_000
/** How long the program may take to answer before the connection is closed without an answer. */
const ANSWER_MS = 60_000
/** A rest up to this size keeps the connection: it is discarded faster than a new connection is made. */
const KEEP_BYTES = 16 * 1024 * 1024
/** How long a client may take to send it. */
const KEEP_MS = 1_000
const TICK_MS = 250

/** Discards the rest of a request of node:http or node:http2. */
export function discardNode(request: IncomingMessage | Http2ServerRequest): void {
  if (request.readableEnded || request.destroyed) return
  if ('stream' in request) discardHttp2(request)
  else new Rest(request).discard()
}

/** The rest of one HTTP/1 request. */
class Rest {
  readonly #request: IncomingMessage
  readonly #response: ServerResponse | undefined
  readonly #readBefore: number
  #timer: NodeJS.Timeout | undefined
  #last = false
  #read = 0
  #waitedMs = 0
  #answeredMs = 0
  #silentMs = 0

  constructor(request: IncomingMessage) {
    this.#request = request
    this.#response = responseOf(request)
    this.#readBefore = request.socket.bytesRead
  }

  discard(): void {
    const { socket, headers } = this.#request
    this.#request.on('error', ignore)
    this.#request.on('end', this.#onEnd)
    socket.on('close', this.#done)
    this.#timer = setInterval(this.#tick, TICK_MS).unref()
    const keeps = this.#response?.shouldKeepAlive === true && Number(headers['content-length']) <= KEEP_BYTES
    if (keeps) this.#request.resume()
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
    this.#request.socket.end()
  }

  readonly #tick = (): void => {
    const { socket } = this.#request
    const read = socket.bytesRead - this.#readBefore
    this.#waitedMs += TICK_MS
    this.#silentMs = read === this.#read ? this.#silentMs + TICK_MS : 0
    this.#read = read
    const answered = this.#response === undefined || this.#response.writableFinished
    if (answered) this.#answeredMs += TICK_MS
    const tooMuch = read > DISCARD_BYTES
    if (
      answered
        ? tooMuch || this.#answeredMs >= DISCARD_MS || this.#silentMs >= SILENCE_MS
        : this.#waitedMs >= ANSWER_MS
    ) {
      this.#done()
      socket.destroy()
    } else if (tooMuch) socket.pause()
    else if (!this.#last && this.#waitedMs >= KEEP_MS) this.#makeLast()
  }

  /** Makes the answer the last one on the connection, closes only our side after it, and reads on. */
  #makeLast(): void {
    this.#last = true
    const { socket } = this.#request
    const response = this.#response
    socket.destroySoon = () => void socket.end() // what Node's server calls after the last response
    if (response === undefined) socket.end()
    else if (response.headersSent) response.once('finish', this.#onAnswered)
    else response.setHeader('Connection', 'close')
    endBeforeBody(this.#request)
    socket.resume() // the parser may have stopped reading, and nothing else resumes it for a request that has ended
  }
}

/** After its answer a stream is closed without an error, which asks the client to stop sending (RFC 9113 section 8.1). */
function discardHttp2(request: Http2ServerRequest): void {
  const { stream } = request
  const close = (): void => stream.close()
  const timer = setTimeout(close, ANSWER_MS).unref()
  request.on('error', ignore)
  stream.once('finish', close)
  stream.once('close', () => {
    clearTimeout(timer)
    stream.removeListener('finish', close)
    request.removeListener('error', ignore)
  })
  request.resume() // unread bytes would use up the window that all streams of the connection share
}

/** Discards the rest of a Fetch request's body, within the same bounds, and then cancels it. */
export function discardWeb(reader: ReadableStreamDefaultReader<Uint8Array>): void {
  let left = DISCARD_BYTES
  let silence: NodeJS.Timeout | undefined
  let over = false
  const stop = (): void => {
    over = true
    clearTimeout(silence)
    clearTimeout(total)
    reader.cancel().catch(ignore)
  }
  const total = setTimeout(stop, DISCARD_MS).unref()
  const next = (): void => {
    clearTimeout(silence)
    silence = setTimeout(stop, SILENCE_MS).unref()
    reader.read().then(({ done, value }) => {
      if (over) return
      left -= value?.byteLength ?? 0
      if (done || left < 0) stop()
      else next()
    }, stop)
  }
  next()
}

function ignore(): void {}
