// A source of any kind that is being read, and the typed error of its failure.

import { errnoOf, isTempFileError, nameOf, TempFileError } from '../errors.ts'

/** Takes one chunk; a promise means 'no more until it settles'. The chunk may be reused after that. */
export type Take = (chunk: Uint8Array) => Promise<void> | undefined

/** A source being read. */
export interface Intake {
  /** Bytes to come, where the source knows; otherwise undefined. */
  readonly size: number | undefined
  /** Gives every chunk to `take`; resolves at the end, rejects with the source's or the taker's error. Call it once. */
  run(take: Take): Promise<void>
  /** Gives the source up, at once and for good; idempotent. `keep`: a stream is paused or released, not destroyed. */
  stop(error: unknown, keep: boolean): void
}

const GONE = new Set([
  'ECONNRESET',
  'ECONNABORTED',
  'EPIPE',
  'ABORT_ERR',
  'ERR_HTTP2_STREAM_ERROR',
  'UND_ERR_ABORTED',
  'UND_ERR_SOCKET',
])

/** The typed error of a source: a peer that disconnected is an abort, everything else a failure to read. */
export function sourceError(error: unknown): TempFileError {
  if (isTempFileError(error)) return error
  const code = errnoOf(error)
  const name = nameOf(error)
  if (name === 'TimeoutError') {
    return new TempFileError('ERR_TEMP_TIMEOUT', 'The source timed out before its end.', { cause: error })
  }
  if (name === 'AbortError' || (code !== undefined && GONE.has(code))) {
    return new TempFileError('ERR_TEMP_ABORTED', 'The sender disconnected before the end.', { cause: error })
  }
  return new TempFileError('ERR_TEMP_IO', "Could not read the source. See this error's cause.", {
    cause: error,
  })
}
