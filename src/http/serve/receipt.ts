// Whether a client received the last byte. 'finish' only means that the kernel took it: for a file that fits into the
// socket's buffers (some megabytes) a client that left after the first byte looks the same. Guarantee: confirmed() is
// true only if the client's end of the connection acknowledged all bytes.

import type { ServerResponse } from 'node:http'
import type { Http2ServerResponse, ServerHttp2Session } from 'node:http2'
import { Socket } from 'node:net'
import { isHttp2, type NodeResponse } from './send-options.ts'

/** How long a slow client may take for the bytes in the buffers; after that the file is kept. */
const PATIENCE_MS = 60_000

export interface Receipt {
  /** Present where the last byte must wait for the client; never rejects. */
  readonly beforeLastByte?: () => Promise<void>
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
 * HTTP/2: frames are processed in order, so the acknowledgement of a PING proves that the client received the bytes
 * before it. The last byte waits for that, so a cancellation (RST_STREAM) of the rest still finds the stream open. It
 * goes out in one frame with the end: curl cancels a stream that has all of Content-Length and no end. A second PING
 * covers the last byte; a client that has everything may close the connection in order instead of answering it.
 */
function http2Receipt(res: Http2ServerResponse): Receipt | undefined {
  const { stream } = res
  // A stream of a server belongs to a session of a server.
  const session = stream.session as ServerHttp2Session | undefined
  if (session === undefined) return undefined
  let acknowledged = false
  let broken = false
  const onError = (): void => {
    broken = true
  }
  session.on('error', onError)
  return {
    cancel: () => void session.removeListener('error', onError),
    async beforeLastByte() {
      // The callback of a write comes when its bytes have left for the socket; a PING would overtake waiting ones.
      await new Promise<void>((resolve) => {
        stream.once('close', resolve)
        stream.write('', () => resolve())
      })
      acknowledged = !stream.destroyed && (await ping(session)) === 'acknowledged'
    },
    async confirmed() {
      const second = acknowledged && (await ping(session))
      session.removeListener('error', onError)
      return second === 'acknowledged' || (second === 'closed' && !broken)
    },
  }
}

function ping(session: ServerHttp2Session): Promise<'acknowledged' | 'closed' | 'no answer'> {
  return new Promise((resolve) => {
    if (session.closed || session.destroyed) return resolve('closed')
    const settle = (outcome: 'acknowledged' | 'closed' | 'no answer'): void => {
      clearTimeout(timer)
      session.removeListener('close', onClose)
      resolve(outcome)
    }
    const onClose = (): void => settle('closed')
    const timer = setTimeout(() => settle('no answer'), PATIENCE_MS).unref()
    session.once('close', onClose)
    const accepted = session.ping((error) => {
      if (error === null) settle('acknowledged') // an error means that the session closes
    })
    if (!accepted) settle('no answer') // too many PINGs are waiting for their answers
  })
}
