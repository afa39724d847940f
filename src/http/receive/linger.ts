// What becomes of the rest of a request that was refused half-way. Closing at once makes the kernel send a
// reset, which can destroy the answer before the client has read it (RFC 9112 section 9.6); reading on for
// ever lets a client waste the server's time. Promise: the answer gets out; a rest of up to DRAIN_BYTES is read
// and the connection kept, with more to come the answer is its last, and it is closed DRAIN_MS after that.

import type { IncomingMessage, ServerResponse } from 'node:http'

/** The most that is read and thrown away before the request counts as over. */
const DRAIN_BYTES = 16 * 1024 * 1024
/** How long a client may still send after it was answered; nginx's lingering_timeout is the same. */
const DRAIN_MS = 5_000
/** How long the program may take to answer before the connection is closed without an answer. */
const ANSWER_MS = 60_000
const TICK_MS = 250

/** Throws the rest of a node request away, in bounds; `length` and `received` say how much that is, if known. */
export function lingerNode(req: IncomingMessage, length: number | undefined, received: number): void {
  if (req.readableEnded || req.destroyed) return
  if (req.httpVersionMajor !== 1) return void req.resume() // a stream of HTTP/2 ends by itself after its answer
  const { socket } = req
  const written = socket.bytesWritten
  let left = DRAIN_BYTES
  let waited = 0
  let answeredFor = 0
  let over = false

  const done = (): void => {
    clearInterval(timer)
    req.removeListener('data', onData)
    req.removeListener('end', onEnd)
    req.removeListener('error', done)
    req.removeListener('close', onEnd)
    socket.removeListener('close', done)
  }
  const onData = (chunk: Uint8Array): void => {
    left -= chunk.length
    if (left < 0) cut()
  }
  const onEnd = (): void => {
    if (!over) done() // else only its readers think that it has ended
  }
  const cut = (): void => {
    over = true
    makeLast(req)
    endEarly(req)
  }
  const tick = (): void => {
    waited += TICK_MS
    if (socket.bytesWritten > written && socket.writableLength === 0) answeredFor += TICK_MS
    if (answeredFor < DRAIN_MS && waited < ANSWER_MS) return
    done()
    socket.destroy()
  }
  const timer = setInterval(tick, TICK_MS).unref()
  req.on('data', onData)
  req.on('end', onEnd)
  req.on('error', done)
  req.on('close', onEnd)
  socket.on('close', done)
  if (length !== undefined && length - received > DRAIN_BYTES) cut()
  else req.resume()
}

/**
 * Makes the answer to this request the last on its connection, and closes only our side after it, so that what
 * still comes does not reset it. There is no public way from a request to its response but its socket's
 * `_httpMessage`, which is gone once the response has finished.
 */
function makeLast({ socket }: IncomingMessage): void {
  const { _httpMessage: res } = socket as { _httpMessage?: ServerResponse | null }
  socket.destroySoon = () => void socket.end()
  if (res === undefined || res === null) socket.end()
  else if (res.headersSent) res.once('finish', () => socket.end())
  else res.shouldKeepAlive = false // says 'Connection: close'
}

/**
 * Ends a request for its readers although more is coming, which the HTTP parser then skips. Express's final
 * error handler answers only once the request has ended: without this a refused 2 GB upload would have to
 * arrive in full before the client hears of it. `_dump` is what Node's own server does with a request that
 * nobody reads.
 */
function endEarly(req: IncomingMessage & { _dump?: () => void }): void {
  if (req.readableEnded) return
  req._dump?.()
  req.complete = true // or its own destruction, which follows the end, would take the connection with it
  req.push(null)
  req.resume()
}

/** Throws the rest of a Fetch request's body away, in the same bounds, then cancels it. */
export function lingerWeb(reader: ReadableStreamDefaultReader<Uint8Array>): void {
  let left = DRAIN_BYTES
  let over = false
  const stop = (): void => {
    over = true
    clearTimeout(timer)
    reader.cancel().catch(() => {})
  }
  const timer = setTimeout(stop, DRAIN_MS).unref()
  const next = (): void => {
    reader.read().then(
      ({ done, value }) => {
        if (over) return
        if (done) return clearTimeout(timer)
        left -= value.byteLength
        if (left < 0) stop()
        else next()
      },
      () => clearTimeout(timer),
    )
  }
  next()
}
