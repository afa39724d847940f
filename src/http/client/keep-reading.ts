// Keeps a socket readable after a write failed. A server that refuses an upload answers and closes; the next write then
// fails with EPIPE or ECONNRESET, and Node would destroy the socket with the answer still unread in the kernel.
// Guarantee: such a failure is reported only after the read side has ended, or after a second.

import type { Socket } from 'node:net'
import { errnoOf } from '../../errors.ts'

/** The answer is already in this host's kernel when a write fails; a second is only a bound. */
const READ_ON_MS = 1_000

type WriteCallback = (error?: Error | null) => void

/** Wraps the two methods that every Writable implements (documented in node:stream); returns the undo function. */
export function keepReading(socket: Socket): () => void {
  const { _write: write, _writev: writev } = socket
  socket._write = (chunk, encoding, callback) =>
    write.call(socket, chunk, encoding, delayed(socket, callback))
  if (writev !== undefined)
    socket._writev = (chunks, callback) => writev.call(socket, chunks, delayed(socket, callback))
  return () => {
    // The instance's own properties: the methods of the prototype come back.
    Reflect.deleteProperty(socket, '_write')
    Reflect.deleteProperty(socket, '_writev')
  }
}

function delayed(socket: Socket, callback: WriteCallback): WriteCallback {
  return (error) => {
    const errno = errnoOf(error)
    if ((errno !== 'EPIPE' && errno !== 'ECONNRESET') || socket.destroyed) return callback(error)
    const report = (): void => {
      clearTimeout(timer)
      socket.removeListener('close', report)
      callback(error)
    }
    const timer = setTimeout(report, READ_ON_MS).unref()
    socket.once('close', report)
  }
}
