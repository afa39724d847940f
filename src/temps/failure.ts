// The errors of a single entry: of a deletion that is not complete, and of an entry that does not exist any more.

import type { RemoveReport } from '../disk/remove/remove.ts'
import { TempFileError, type TempFileErrorOptions } from '../errors.ts'

/** Throws the first error of an incomplete deletion. @throws ERR_TEMP_CLEANUP for what is kept, else the system's error */
export function firstFailure(report: RemoveReport): void {
  const [error] = report.errors
  if (error !== undefined) throw error.error
  const [kept] = report.kept
  if (kept === undefined) return
  throw new TempFileError(
    'ERR_TEMP_CLEANUP',
    `An entry inside it is kept: ${kept.reason}. Remove the reason, then call remove() again.`,
    {
      path: kept.path,
    },
  )
}

export function removedError(message: string, options?: TempFileErrorOptions): TempFileError {
  return new TempFileError('ERR_TEMP_REMOVED', message, options)
}
