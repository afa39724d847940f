// Every undocumented member of Node's connections that the project uses, with its fallback. Guarantee: where a member is
// missing the caller gets undefined and continues without it. Tested on Node 20.19, 20.20, 22, 24 and 26.

import { readSync, writeSync } from 'node:fs'
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import type { Duplex, Readable } from 'node:stream'
import { errnoOf } from '../errors.ts'

/**
 * The response to a request, by its socket's `_httpMessage`: Node has no public way from a request to its response. Null
 * once it has finished. Undefined without the member, and for a pipelined request that waits for another one's response:
 * the caller then leaves the connection as it is.
 */
export function responseOf(request: IncomingMessage): ServerResponse | null | undefined {
  const { _httpMessage: response } = request.socket as { _httpMessage?: ServerResponse | null } // absent on other sockets
  return response === null || response?.req === request ? response : undefined
}

/**
 * Ends a request for its readers although more of its body is coming, which the HTTP parser then skips: `_dump` is what
 * Node's own server calls for a request without a reader. Express's final error handler answers only after the
 * request's end: without this, a refused upload would have to arrive in full before its client is answered. Without
 * `_dump` the rest of the body is discarded by reading it.
 */
export function endBeforeBody(request: IncomingMessage & { _dump?: () => void }): void {
  if (request.readableEnded) return
  if (request._dump === undefined) return void request.resume()
  request._dump()
  request.complete = true // or its own destruction, which follows the end, would destroy the connection
  request.push(null)
  request.resume()
}

/**
 * Closes only our side of a connection after its last answer. Node's server calls the socket's `destroySoon` then, which
 * would reset a connection with unread bytes. Where Node calls something else, the connection is closed as usual.
 */
export function endAfterLastAnswer(socket: Socket): void {
  socket.destroySoon = () => endAnswered(socket)
}

/** Closes our side of a connection whose last answer was sent. */
export function endAnswered(socket: Socket): void {
  ignoreRequests(socket)
  socket.end()
}

/**
 * Discards the requests that follow the last answer of a connection that is still read (RFC 9112 section 9.6), by the HTTP
 * parser's `onIncoming`. Node destroys such a connection. Here the program would get them, and the response to one that came
 * behind a waiting one fails an assertion of Node when it finishes, which ends the process. Without the member it does.
 */
export function ignoreRequests(socket: Duplex): void {
  const { parser } = socket as { parser?: { onIncoming?: unknown } | null } // undocumented, so it is not in the types
  if (typeof parser?.onIncoming !== 'function') return
  parser.onIncoming = (request: IncomingMessage & { upgrade?: boolean }): number => {
    request.upgrade = false // or Node would emit 'upgrade' for it
    request.resume()
    return 0
  }
}

/**
 * The state of the TCP connection below a TLS connection that the client has ended with close_notify: 'ended' in order,
 * 'reset', or still 'open'. Node reads on, but ignores what it reads (rfc5246 section 7.2.1), a reset as well; so reading
 * is stopped, and the kernel is asked by `_handle.fd`. Undefined without the member: on Windows, and for TLS over
 * something else than a socket.
 */
export function transportOf(connection: Duplex): 'ended' | 'reset' | 'open' | undefined {
  const { _handle: handle } = connection as { _handle?: { fd?: unknown; readStop?: () => void } | null } // undocumented
  if (typeof handle?.fd !== 'number' || handle.fd < 0) return undefined
  handle.readStop?.()
  try {
    if (!connection.writableEnded) writeSync(handle.fd, NOTHING) // finds a reset that follows an end
    return readSync(handle.fd, Buffer.alloc(1024)) === 0 ? 'ended' : 'open'
  } catch (error) {
    return errnoOf(error) === 'EAGAIN' ? 'open' : 'reset'
  }
}

const NOTHING = Buffer.alloc(0)

/**
 * Keeps a connection that both sides have ended until it is destroyed, by `_readableState.autoDestroy`: the option is
 * public, and the socket is made by Node's server. Without the member the connection is closed as usual.
 */
export function outliveBothEnds(connection: Duplex): void {
  const { _readableState: state } = connection as { _readableState?: { autoDestroy?: boolean } } // undocumented
  if (state !== undefined) state.autoDestroy = false
}

/**
 * Destroys a server's request, but not its connection, so that the client can still be answered. IncomingMessage destroys
 * the connection that it finds in its `socket`; where it finds it elsewhere, the connection is destroyed with the request.
 */
export function destroyRequest(request: Readable & { socket: unknown }): void {
  const { socket } = request
  request.socket = null
  try {
    request.destroy()
  } finally {
    request.socket = socket // req.ip, loggers and frameworks read it while they answer
  }
}
