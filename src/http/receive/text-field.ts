// Reads a text field of a form into memory. Promise: never more than the limit, and bytes that are no text in
// the declared charset become replacement characters, not an error in the server.

import type { Readable } from 'node:stream'

/** How much text may come: of one field and of all together, and what is thrown when it is more. */
export interface TextLimit {
  /** Counts bytes as they come. @throws when it is too much */
  count(bytes: number): void
}

/** Reads a part to its end. @throws what `limit.count` throws, and the signal's reason when it aborts */
export function readText(
  part: Readable,
  charset: string | undefined,
  signal: AbortSignal,
  limit: TextLimit,
): Promise<string> {
  return new Promise((resolve, reject) => {
    const chunks: Uint8Array[] = []
    const settle = (): void => {
      signal.removeEventListener('abort', onAbort)
      part.removeListener('data', onData)
      part.removeListener('end', onEnd)
    }
    const fail = (error: unknown): void => {
      settle()
      reject(error)
    }
    const onAbort = (): void => fail(signal.reason)
    const onEnd = (): void => {
      settle()
      resolve(decode(Buffer.concat(chunks), charset))
    }
    const onData = (chunk: Uint8Array): void => {
      try {
        limit.count(chunk.length)
        chunks.push(chunk)
      } catch (error) {
        fail(error)
      }
    }
    if (signal.aborted) return onAbort()
    signal.addEventListener('abort', onAbort)
    part.on('end', onEnd)
    part.on('data', onData)
  })
}

function decode(bytes: Uint8Array, charset: string | undefined): string {
  try {
    return new TextDecoder(charset ?? 'utf-8').decode(bytes)
  } catch {
    return new TextDecoder().decode(bytes) // a charset that nobody knows
  }
}
