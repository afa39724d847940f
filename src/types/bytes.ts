// Types of bytes: where they come from, how far they are, what was written.

import type { Readable } from 'node:stream'

/**
 * Anything that bytes can be read from: a Node stream (an HTTP request is one), a web stream, a Blob, an iterable of
 * chunks, or all the bytes at once. Strings are written as UTF-8; strings of a Node stream with `setEncoding` in
 * that stream's encoding.
 * @category Creating and receiving
 */
export type ByteSource =
  | Readable
  | ReadableStream
  | AsyncIterable<Uint8Array | string>
  | Iterable<Uint8Array | string>
  | Blob
  | Uint8Array
  | string

/** The bytes from `start` up to, and without, `end`. */
export interface ByteRange {
  readonly start: number
  readonly end: number
}

/** How many bytes have arrived: of a file, or of a request's body. `total` is present when it is known. */
export interface Progress {
  readonly bytes: number
  readonly total?: number
}

/** The bytes that were written. */
export interface WriteResult {
  /** Bytes written by this call. */
  readonly bytes: number
  /** The digest in lower-case hex, when `hash` or `expectedDigest` asked for one. */
  readonly digest: string | undefined
  /** The media type found in the first bytes, when `accept` looked at them and found one. */
  readonly detectedType: string | undefined
}
