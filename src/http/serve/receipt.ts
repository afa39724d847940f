// Whether a client received the last byte. 'finish' only means that the kernel took it: for a file that fits into the
// socket's buffers (some megabytes) a client that left after the first byte looks the same. Guarantee: confirmed() is
// true only if the client's end of the connection acknowledged all bytes; what is not known is not confirmed.

import type { ServerResponse } from 'node:http'
import type { Http2ServerResponse } from 'node:http2'
import { Duplex } from 'node:stream'
import { ignoreRequests, outliveBothEnds, transportOf } from '../../runtime/connection-internals.ts'
import { listenTogether } from '../../runtime/listen-together.ts'
import { type PingOutcome, pingsOf } from '../../runtime/pings.ts'
import { isHttp2, type NodeResponse } from './send-options.ts'

/** How long a slow client may take for the bytes in the buffers; after that the file is kept. */
const PATIENCE_MS = 60_000

/** How long a client may take to end its connection by itself. Then our side ends first, for one that reads to the end. */
const OWN_END_MS = 1_000

/** A client that ends its side and then closes with bytes unread sends its reset right behind the end. */
const RESET_MS = 250

export interface Receipt {
  /** Present where the last byte must wait for the client; never rejects. Not called for an empty body. */
  readonly beforeLastByte?: () => Promise<void>
  /** Whether the client has received everything; call it once, after the response has finished. */
  confirmed(): Promise<boolean>
  /** Stops watching. Idempotent. */
  cancel(): void
}

/** Undefined where there is no connection (an injected request): there 'finish' is all that can be known. */
export function requestReceipt(res: NodeResponse): Receipt | undefined {
  if (isHttp2(res)) return http2Receipt(res)
  // A response that waits behind an earlier one of its connection (pipelining) has no socket yet; its request has.
  const socket: unknown = res.req.socket
  return socket instanceof Duplex ? new Http1Receipt(res, socket) : undefined
}

/** A socket of node:net or node:tls; `destroySoon` is Node's name for its end after the last response. */
type Connection = Duplex & { destroySoon?: () => void; readonly encrypted?: unknown }

/**
 * HTTP/1: makes the response the last of its connection and lets the client end it. A program that closes with bytes
 * unread makes its kernel send a reset (RFC 9293 section 3.6.1; so do Linux, macOS and Windows), which can also follow
 * an end: of its sending side, or of its TLS session (close_notify). So our side stays open until the client has ended,
 * because a connection that both have ended reports no reset.
 */
class Http1Receipt implements Receipt {
  readonly #res: ServerResponse
  readonly #socket: Connection
  #outcome: boolean | undefined
  #report: (() => void) | undefined
  #timers: NodeJS.Timeout[] = []
  readonly #unwatch: readonly (() => void)[]

  constructor(res: ServerResponse, socket: Connection) {
    this.#res = res
    this.#socket = socket
    this.#unwatch = [
      listenTogether(socket, 'end', this.#onEnd),
      listenTogether(socket, 'error', this.#onLoss),
      listenTogether(socket, 'close', this.#onLoss),
    ]
    res.setHeader('Connection', 'close')
    socket.destroySoon = this.#hold
  }

  async confirmed(): Promise<boolean> {
    const socket = this.#socket
    if (this.#outcome === undefined) {
      this.#after(PATIENCE_MS, this.#onLoss)
      this.#after(OWN_END_MS, this.#endOurSide)
      socket.resume()
      await new Promise<void>((resolve) => {
        this.#report = resolve
      })
    }
    socket.destroy()
    return this.#outcome === true
  }

  cancel(): void {
    this.#stopWatching()
    Reflect.deleteProperty(this.#socket, 'destroySoon') // the prototype's again
    Reflect.deleteProperty(this.#socket, 'end')
    if (this.#res.writableFinished) this.#socket.destroySoon?.() // the program ended the response: Node's call was held
  }

  #stopWatching(): void {
    this.#stopTimers()
    for (const unwatch of this.#unwatch) unwatch()
  }

  #stopTimers(): void {
    for (const timer of this.#timers.splice(0)) clearTimeout(timer)
  }

  /**
   * Replaces `destroySoon`: Node would destroy the socket as soon as it has written the last response, and end our side
   * as soon as the client has ended. An earlier response that turned out to be the last ends the connection.
   */
  readonly #hold = (): void => {
    const socket = this.#socket
    ignoreRequests(socket)
    if (this.#res.writableFinished) socket.end = () => socket
    else socket.end()
  }

  readonly #endOurSide = (): void => {
    Reflect.deleteProperty(this.#socket, 'end')
    outliveBothEnds(this.#socket)
    this.#socket.end()
  }

  readonly #onEnd = (): void => {
    const { writableFinished } = this.#res
    if (!writableFinished) this.#onLoss()
    else if (this.#socket.encrypted === true) this.#onEncryptedEnd()
    else if (this.#socket.writableEnded) this.#settle(true)
    else this.#probeForReset()
  }

  /** An empty write fails after a reset; after our own end it would fail, too. */
  #probeForReset(): void {
    this.#stopTimers()
    this.#after(RESET_MS, () => this.#socket.write('', this.#onProbed))
  }

  readonly #onProbed = (error?: Error | null): void => this.#settle(!error)

  /** Node ignores what follows close_notify. The kernel knows whether the connection was ended, too, or reset. */
  readonly #onEncryptedEnd = (): void => {
    const transport = transportOf(this.#socket)
    if (transport === 'reset' || transport === undefined) this.#settle(false)
    else this.#after(RESET_MS, () => this.#afterEncryptedEnd())
  }

  #afterEncryptedEnd(): void {
    const transport = transportOf(this.#socket)
    if (transport !== 'open') {
      this.#settle(transport === 'ended') // the kernel reports a reset once
      return
    }
    if (!this.#socket.writableEnded) this.#endOurSide() // some clients wait for the answer to their close_notify
    this.#onEncryptedEnd()
  }

  readonly #onLoss = (): void => this.#settle(false)

  #settle(confirmed: boolean): void {
    this.#stopWatching()
    this.#outcome ??= confirmed
    this.#report?.()
  }

  #after(ms: number, callback: () => void): void {
    this.#timers.push(setTimeout(callback, ms).unref())
  }
}

/**
 * HTTP/2: frames are processed in order, so the acknowledgement of a PING proves that the client received the bytes
 * before it. The last byte waits for that, so a cancellation (RST_STREAM) of the rest still finds the stream open. It
 * goes out in one frame with the end: curl cancels a stream that has all of Content-Length and no end. A further PING
 * covers the last byte; a client that has everything may close the connection in order instead of answering it.
 */
function http2Receipt(res: Http2ServerResponse): Receipt {
  const { stream } = res
  const pings = pingsOf(stream)
  /** Of everything but the last byte. Undefined: no byte had to wait. */
  let first: PingOutcome | undefined
  return {
    cancel: () => {},
    async beforeLastByte() {
      // The callback of a write comes when its bytes have left for the socket; a PING would overtake waiting ones.
      await new Promise<void>((resolve) => {
        stream.once('close', resolve)
        stream.write('', () => resolve())
      })
      // Twice: curl acknowledges the first before it writes the bytes that it read with it, and closes if that fails.
      for (let round = 0; round < 2 && first !== 'closed' && first !== 'no answer'; round++)
        first = stream.destroyed ? 'closed' : await pings?.ask(PATIENCE_MS)
    },
    async confirmed() {
      if (pings === undefined || first === 'closed' || first === 'no answer') return false
      const last = await pings.ask(PATIENCE_MS)
      return last === 'acknowledged' || (last === 'closed' && first === 'acknowledged' && !pings.broken)
    },
  }
}
