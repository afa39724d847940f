// Whether a client received the last byte. 'finish' only says that the kernel took it: for a file that fits into the
// socket's buffers (some megabytes) a client that left after the first byte looks the same. Guarantee: confirmed() is
// true only if the client's end of the connection acknowledged all bytes.

import type { ServerResponse } from 'node:http'
import type { Http2ServerResponse, ServerHttp2Session } from 'node:http2'
import { Socket } from 'node:net'
import { isHttp2, type NodeResponse } from './send-options.ts'

/** How long a slow client may take for the bytes in the buffers; after that the file is kept. */
const PATIENCE_MS = 60_000

export interface Receipt {
  /** Called when all bytes are written and before the response ends; ending waits for it. Never rejects. */
  beforeEnd(): Promise<void>
  /** Whether the client has received everything; call it once, after the response has finished. */
  confirmed(): Promise<boolean>
  /** Stops watching. Idempotent. */
  cancel(): void
}

/** Undefined where no connection can be watched (an injected request): there 'finish' is all that can be known. */
export function requestReceipt(res: NodeResponse): Receipt | undefined {
  if (isHttp2(res)) return http2Receipt(res)
  return res.socket instanceof Socket ? http1Receipt(res, res.socket) : undefined
}

/**
 * HTTP/1: makes the response the last of its connection and lets the client end it. A program that closes with bytes
 * unread makes its kernel send a reset instead (RFC 9293 section 3.6.1; so do Linux, macOS and Windows).
 */
function http1Receipt(res: ServerResponse, socket: Socket): Receipt {
  let outcome: boolean | undefined
  let report: ((confirmed: boolean) => void) | undefined
  let timer: NodeJS.Timeout | undefined
  const settle = (confirmed: boolean): void => {
    cancel()
    outcome = confirmed
    report?.(confirmed)
  }
  const onEnd = (): void => settle(res.writableFinished) // an end before that is an early leave
  const onLoss = (): void => settle(false)
  const cancel = (): void => {
    clearTimeout(timer)
    socket.removeListener('end', onEnd)
    socket.removeListener('error', onLoss)
    socket.removeListener('close', onLoss)
  }
  socket.on('end', onEnd)
  socket.on('error', onLoss)
  socket.on('close', onLoss)
  res.setHeader('Connection', 'close')
  // Node destroys the socket as soon as it has written the last response, and would never receive a reset.
  socket.destroySoon = () => void socket.end()
  return {
    beforeEnd: async () => {},
    cancel,
    confirmed: async () => {
      if (outcome === undefined) {
        timer = setTimeout(onLoss, PATIENCE_MS).unref()
        socket.resume()
        await new Promise<boolean>((resolve) => {
          report = resolve
        })
      }
      socket.destroy()
      return outcome === true
    },
  }
}

/**
 * HTTP/2: frames are processed in order, so the acknowledgement of a PING that follows the last byte proves that the
 * client received it. The stream is kept open until then: a cancellation (RST_STREAM) on the way still counts.
 */
function http2Receipt(res: Http2ServerResponse): Receipt {
  const { stream } = res
  let acknowledged = false
  return {
    async beforeEnd() {
      // The callback of a write comes when its bytes have left for the socket; a PING would overtake waiting ones.
      await new Promise<void>((resolve) => {
        stream.once('close', resolve)
        stream.write('', () => resolve())
      })
      const { session } = stream
      if (session === undefined || stream.destroyed) return
      // A stream of a server belongs to a session of a server.
      acknowledged = await pingAcknowledged(session as ServerHttp2Session, stream)
    },
    confirmed: async () => acknowledged,
    cancel: () => {},
  }
}

function pingAcknowledged(
  session: ServerHttp2Session,
  stream: Http2ServerResponse['stream'],
): Promise<boolean> {
  return new Promise((resolve) => {
    const settle = (acknowledged: boolean): void => {
      clearTimeout(timer)
      stream.removeListener('close', onClose)
      resolve(acknowledged)
    }
    const onClose = (): void => settle(false)
    const timer = setTimeout(onClose, PATIENCE_MS).unref()
    stream.once('close', onClose)
    if (session.destroyed || !session.ping((error) => settle(error === null))) settle(false)
  })
}
