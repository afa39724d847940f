// Turns the report of a deletion into one error, for the removal of a single entry.

import type { RemoveReport } from '../disk/remove/remove.ts'
import { TempFileError } from '../errors.ts'

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
