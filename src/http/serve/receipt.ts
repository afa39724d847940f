// Whether a client has got the last byte. 'finish' only says that our kernel took it: of a file that fits into the
// socket's buffers (some megabytes) a client that left after the first byte looks the same. Promise: true means
// that the client, having been told that the connection ends here, ended it in order; a program that closes with
// bytes unread makes its kernel send a reset instead (RFC 9293 section 3.6.1; so do Linux, macOS and Windows).

import type { ServerResponse } from 'node:http'
import { Socket } from 'node:net'

/** How long a slow client may take for what stands in the buffers; then the file is kept. */
const PATIENCE_MS = 60_000

export interface Receipt {
  /** Waits for the client's end of the connection; call it once the response has finished. */
  confirmed(): Promise<boolean>
  /** Stops watching. */
  cancel(): void
}

/**
 * Makes the response the last of its connection, and lets the client end it. Undefined where there is no socket of
 * our own to watch (HTTP/2, an injected request): there 'finish' is all that can be known.
 */
export function askForReceipt(res: ServerResponse): Receipt | undefined {
  const { socket } = res
  if (!(socket instanceof Socket) || res.req.httpVersionMajor !== 1) return undefined
  let outcome: boolean | undefined
  let tell: ((confirmed: boolean) => void) | undefined
  const settle = (confirmed: boolean): void => {
    cancel()
    outcome = confirmed
    tell?.(confirmed)
  }
  const onEnd = (): void => settle(res.writableFinished) // before that it has left early
  const onLoss = (): void => settle(false)
  const cancel = (): void => {
    clearTimeout(timer)
    socket.removeListener('end', onEnd)
    socket.removeListener('error', onLoss)
    socket.removeListener('close', onLoss)
  }
  let timer: NodeJS.Timeout | undefined
  socket.on('end', onEnd)
  socket.on('error', onLoss)
  socket.on('close', onLoss)
  res.setHeader('Connection', 'close')
  // Node destroys the socket as soon as it has written the last response, and would never hear of a reset.
  socket.destroySoon = () => void socket.end()
  return {
    cancel,
    confirmed: async () => {
      if (outcome === undefined) {
        timer = setTimeout(onLoss, PATIENCE_MS).unref()
        socket.resume()
        await new Promise<boolean>((resolve) => {
          tell = resolve
        })
      }
      socket.destroy()
      return outcome === true
    },
  }
}
