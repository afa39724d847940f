// The errors of partial uploads, in one place so that every front answers alike.

import { isTempFileError, TempFileError } from '../errors.ts'
import type { Claimant } from '../handoff/find.ts'
import { abortError } from '../runtime/abort.ts'

export function uploadGone(): TempFileError {
  return new TempFileError(
    'ERR_TEMP_HANDOFF_GONE',
    'The upload does not exist: it was finished long ago, it expired, or it was cancelled. Start a new one.',
  )
}

export function uploadBusy({ pid }: Pick<Claimant, 'pid'>): TempFileError {
  return new TempFileError(
    'ERR_TEMP_HANDOFF_CLAIMED',
    'Another request is writing to this upload. Try again when it has ended; if its process dies, the upload is free at once.',
    { details: pid === undefined ? {} : { pid } },
  )
}

/** A take-over that would end a writer for nothing: it is not where the newcomer continues. */
export function writerIsAt(bytes: number): TempFileError {
  return new TempFileError(
    'ERR_TEMP_HANDOFF_CLAIMED',
    'A running request has brought this upload to another offset, and continues. Ask for the offset.',
    { details: { bytes } },
  )
}

export function uploadCorrupt(why: string, path: string): TempFileError {
  return new TempFileError(
    'ERR_TEMP_HANDOFF_CORRUPT',
    `The upload is kept, but its record cannot be used: ${why}.`,
    {
      path,
    },
  )
}

/** Fewer or more bytes than the request announced. */
export function appendTruncated(bytes: number, expected: number): TempFileError {
  return new TempFileError(
    'ERR_TEMP_TRUNCATED',
    `${bytes} of the announced ${expected} bytes arrived. They are kept.`,
    { details: { bytes, expected } },
  )
}

export function uploadEnded(): TempFileError {
  return new TempFileError(
    'ERR_TEMP_REMOVED',
    'This upload was released, discarded or finished before. Open it again with openUpload().',
  )
}

export function uploadClosed(): TempFileError {
  return new TempFileError(
    'ERR_TEMP_CLOSED',
    'The manager of this upload was closed, which gave the upload back. Open it with another manager.',
  )
}

/** The reason with which a newer request ends an older one of the same client. */
export function uploadTakenOver(): TempFileError {
  return new TempFileError(
    'ERR_TEMP_HANDOFF_CLAIMED',
    'A newer request continues this upload. The bytes received before it are kept.',
  )
}

export function missingBytes(offset: number, length: number): TempFileError {
  return new TempFileError(
    'ERR_TEMP_TRUNCATED',
    `The upload has ${offset} of its ${length} bytes. Send the rest, then finish it.`,
    { details: { bytes: offset, expected: length } },
  )
}

export function digestMismatch(algorithm: string, of: string): TempFileError {
  return new TempFileError(
    'ERR_TEMP_TRUNCATED',
    `The ${algorithm} digest of ${of} differs from the one that was sent with it. Send it again.`,
    { details: { algorithm } },
  )
}

export function beyondLength(length: number): TempFileError {
  return new TempFileError(
    'ERR_TEMP_TOO_LARGE',
    `More bytes arrived than the declared ${length}. The upload was deleted.`,
    {
      details: { limit: length },
    },
  )
}

/** More bytes in one append than it may bring. */
export function appendTooLarge(limit: number): TempFileError {
  return new TempFileError(
    'ERR_TEMP_TOO_LARGE',
    `One request may bring ${limit} bytes. Those that came before are kept: ask for the offset, and send the rest in parts.`,
    { details: { limit, option: 'maxAppendBytes' } },
  )
}

/** Fewer bytes in one append than it must bring. */
export function appendTooSmall(bytes: number, limit: number): TempFileError {
  return new TempFileError(
    'ERR_TEMP_TOO_SMALL',
    `A request that is not the last must bring at least ${limit} bytes. Its ${bytes} bytes were not kept.`,
    { details: { limit, option: 'minAppendBytes', bytes } },
  )
}

/** A failure after which the upload cannot continue, and is not kept. */
export function isRefusal(error: unknown): boolean {
  if (!isTempFileError(error)) return false
  const { code, details } = error
  const beyond = code === 'ERR_TEMP_TOO_LARGE' && details?.option !== 'maxAppendBytes'
  return beyond || code === 'ERR_TEMP_TYPE_REJECTED'
}

/** The error of an abort. Unlike after a receive, the bytes received until then are kept. */
export function keptError(reason: unknown): TempFileError {
  const { code } = abortError(reason)
  return isTempFileError(reason) && reason.code === code
    ? reason
    : new TempFileError(code, 'The upload was interrupted. The bytes received until then are kept.', {
        cause: reason,
      })
}
