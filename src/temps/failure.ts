// A deletion's report turned into the one error that stopped it, for those who delete a single entry.

import type { RemoveReport } from '../disk/remove.ts'
import { TempFileError } from '../errors.ts'

/** Throws the first error of an incomplete deletion. @throws ERR_TEMP_CLEANUP for what is kept, else the system's error */
export function firstFailure(report: RemoveReport): void {
  const [error] = report.errors
  if (error !== undefined) throw error.error
  const [kept] = report.kept
  if (kept === undefined) return
  throw new TempFileError(
    'ERR_TEMP_CLEANUP',
    `Something inside it is kept: ${kept.reason}. Undo that, then call remove() again.`,
    {
      path: kept.path,
    },
  )
}
