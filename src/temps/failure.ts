// The errors of a single entry: of a deletion that is not complete, and of an entry that does not exist any more.

import type { RemoveReport } from '../disk/remove/remove.ts'
import { TempFileError, type TempFileErrorOptions } from '../errors.ts'
import { cleanupError, reportCleanupError } from '../runtime/observe.ts'
import type { LiveEntry } from './live-entry.ts'

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

/** Reports that the end of an entry failed, after the caller has what it asked for. Throws where the manager's policy is to throw. */
export function reportFailure({ context, path }: LiveEntry, error: unknown): void {
  context.counters.cleanupErrors++
  const typed = error instanceof TempFileError ? error : cleanupError(error, path)
  reportCleanupError(context.onCleanupError, typed)
}

export function removedError(message: string, options?: TempFileErrorOptions): TempFileError {
  return new TempFileError('ERR_TEMP_REMOVED', message, options)
}
