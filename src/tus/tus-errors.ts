// Errors as @tus/server answers them: objects with status_code and body.

import { ERRORS } from '@tus/server'
import { isTempFileError } from '../index.ts'

export const LOCKED = { status_code: 423, body: 'Another request is writing to this upload\n' }

/** tus 1.0.0, concatenation. */
export const FINAL = { status_code: 403, body: 'A final upload takes no bytes\n' }

/** An error of this package with the answer to it; any other error as it is. */
export function toTusError(error: unknown): unknown {
  if (!isTempFileError(error)) return error
  if (error.code === 'ERR_TEMP_TRUNCATED' && error.details?.['algorithm'] !== undefined)
    return { status_code: 460, body: 'Checksum Mismatch\n' }
  const body = error.expose ? `${error.message}\n` : 'The server failed.\n'
  if (error.code === 'ERR_TEMP_HANDOFF_GONE' || error.code === 'ERR_TEMP_TICKET_INVALID')
    return ERRORS.FILE_NOT_FOUND
  if (error.code === 'ERR_TEMP_HANDOFF_CLAIMED') return LOCKED
  return Object.assign(new Error(error.message, { cause: error }), { status_code: error.status, body })
}

/**
 * The error of an upload that has all its bytes and cannot be completed now: 423 instead of 5xx. After a 5xx to HEAD
 * tus-js-client 4 sends the whole file again; after a 423 it asks again later, as other clients do after both.
 */
export function askAgain(error: unknown): unknown {
  const { status_code: status = 500 } = (error ?? {}) as { status_code?: number } // any value can be read by key
  if (status < 500) return error
  return Object.assign(new Error('The upload could not be completed.', { cause: error }), {
    status_code: 423,
    body: 'The upload is not complete yet. Ask again later.\n',
  })
}
