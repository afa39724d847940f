// The kinds of sources, and how each is recognised and given up. Guarantee: a source that is given up
// is destroyed, cancelled or returned, by its kind, and giving it up can neither throw nor wait.

import type { IncomingMessage } from 'node:http'
import type { Readable } from 'node:stream'
import { types } from 'node:util'
import { TempFileError } from '../errors.ts'
import { destroyRequest } from '../runtime/connection-internals.ts'

/** Whether a value is a Node stream to read from, by shape: streams of other copies of `stream` count too. */
export function isReadable(source: unknown): source is Readable {
  return has(source, 'on') && has(source, 'removeListener') && has(source, 'pause') && has(source, 'resume')
}

/** Whether a value is a web stream to read from. */
export function isWebStream(source: unknown): source is ReadableStream<unknown> {
  return has(source, 'getReader') && has(source, 'cancel')
}

/** Whether a value is a Blob or a File. */
export function isBlob(source: unknown): source is Blob {
  return has(source, 'stream') && has(source, 'arrayBuffer') && has(source, 'slice')
}

/** Whether a value is an iterable or async iterable, which strings and byte arrays are not for us. */
export function isIterable(source: unknown): source is AsyncIterable<unknown> | Iterable<unknown> {
  if (typeof source !== 'object' || source === null) return false
  const { [Symbol.asyncIterator]: async, [Symbol.iterator]: sync } = source as Partial<
    AsyncIterable<unknown> & Iterable<unknown> // only asked whether they are there
  >
  return typeof async === 'function' || typeof sync === 'function'
}

/** The bytes of a value that is all bytes already: a buffer, any view of one, or text as UTF-8. */
export function wholeBytes(value: unknown, encoding: BufferEncoding = 'utf8'): Uint8Array | undefined {
  if (value instanceof Uint8Array) return value
  if (typeof value === 'string') return Buffer.from(value, encoding)
  if (ArrayBuffer.isView(value)) return new Uint8Array(value.buffer, value.byteOffset, value.byteLength)
  if (types.isAnyArrayBuffer(value)) return new Uint8Array(value)
  return undefined
}

/** The bytes of one chunk. @throws ERR_TEMP_OPTION_INVALID for what is neither bytes nor text */
export function chunkBytes(chunk: unknown, encoding?: BufferEncoding | null): Uint8Array {
  const bytes = wholeBytes(chunk, encoding ?? 'utf8')
  if (bytes !== undefined) return bytes
  throw new TempFileError(
    'ERR_TEMP_OPTION_INVALID',
    `The source gave a chunk that is ${chunk === null ? 'null' : `of type ${typeof chunk}`}. Its chunks must be bytes (Uint8Array) or strings.`,
  )
}

/**
 * Gives a source up: a Node stream is destroyed, a web stream cancelled with `error`, an iterator's `return`
 * called. Never throws and waits for nothing. A server's request is destroyed, its connection is not, so
 * that the client can still be answered (as `stream.pipeline` does it).
 */
export function destroySource(source: unknown, error?: Error): void {
  try {
    if (isReadable(source)) destroyReadable(source)
    else if (isWebStream(source)) quietly(source.cancel(error))
    else if (isIterable(source) && !Array.isArray(source) && wholeBytes(source) === undefined) {
      // An iterator is its own iterable; a plain collection makes a new one, whose `return` does no harm.
      const iterator = iteratorOf(source)
      quietly(iterator.return?.())
    }
  } catch {
    // The caller is already failing with the reason that matters.
  }
}

/** The iterator of an iterable, the asynchronous one if it has both. */
export function iteratorOf(
  source: AsyncIterable<unknown> | Iterable<unknown>,
): AsyncIterator<unknown> | Iterator<unknown> {
  return Symbol.asyncIterator in source ? source[Symbol.asyncIterator]() : source[Symbol.iterator]()
}

/** Ignores the failure of a promise that has no reader. */
export function quietly(promise: unknown): void {
  Promise.resolve(promise).catch(() => {})
}

function ignore(): void {}

function destroyReadable(readable: Readable): void {
  if (readable.destroyed || typeof readable.destroy !== 'function') return
  // Without a reason: destroying a response of http.request with one would emit it on the ClientRequest, too,
  // and crash a program that listens there for nothing. An error of `_destroy` itself must not crash either.
  readable.on('error', ignore)
  readable.once('close', () => readable.removeListener('error', ignore))
  if (isServerRequest(readable)) destroyRequest(readable)
  else readable.destroy()
}

/** By documented members: a response that a client receives has no method, a request of HTTP/2 has a stream. */
function isServerRequest(readable: Readable): readable is Readable & { socket: unknown } {
  const { method, httpVersion, stream } = readable as Partial<IncomingMessage & { stream: unknown }> // only asked whether they are there
  return typeof method === 'string' && typeof httpVersion === 'string' && stream === undefined
}

function has(value: unknown, method: string): boolean {
  if (typeof value !== 'object' || value === null) return false
  return typeof (value as Record<string, unknown>)[method] === 'function' // only asked whether it is there
}
