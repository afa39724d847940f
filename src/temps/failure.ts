// A deletion's report turned into the one error that stopped it, for those who delete a single entry.

import type { Context } from '../context.ts'
import type { RemoveReport } from '../disk/remove/remove.ts'
import { TempFileError } from '../errors.ts'
import { cleanupError, reportCleanupError } from '../runtime/observe.ts'

/** Tells of what a finished move could not remove where it came from: the data is where it should be. */
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
    `Something inside it is kept: ${kept.reason}. Undo that, then call remove() again.`,
    {
      path: kept.path,
    },
  )
}
