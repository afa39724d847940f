// Turns the report of a deletion into one error, for the removal of a single entry.

import type { Context } from '../context.ts'
import type { RemoveReport } from '../disk/remove/remove.ts'
import { TempFileError } from '../errors.ts'
import { cleanupError, reportCleanupError } from '../runtime/observe.ts'

/** Reports what a finished move could not remove at its source; the data is at its destination. */
export function reportLeft(context: Context, left: RemoveReport | undefined): void {
  const [failed] = left?.errors ?? []
  if (failed === undefined) return
  context.counters.cleanupErrors++
  reportCleanupError(context.onCleanupError, cleanupError(failed.error, failed.path))
}

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
