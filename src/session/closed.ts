// The error of what starts, or still runs, when its manager has been closed. Guarantee: closeSync() does not wait for what
// runs, so the directory that such an operation misses is not reported as removed by others.

import { errnoOf, isTempFileError, TempFileError } from '../errors.ts'
import { type Session, Vanished } from './session.ts'

export function closedError(cause?: unknown): TempFileError {
  return new TempFileError(
    'ERR_TEMP_CLOSED',
    'This manager is closed. Create a new one, or close this one after its last use.',
    { cause },
  )
}

/** The error of an operation of `session`: that it is closed, if the end of its manager made it fail. */
export function orClosed(session: Session, error: unknown): unknown {
  if (!session.ended || session.managerGoesOn) return error
  if (error instanceof Vanished) return closedError(error.cause)
  if (!isTempFileError(error)) return error // the program's own
  const isMissing = error.code === 'ERR_TEMP_IO' && errnoOf(error.cause) === 'ENOENT'
  return isMissing || error.code === 'ERR_TEMP_SESSION_LOST' ? closedError(error) : error
}
