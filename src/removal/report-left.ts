// Reports entries that a finished move or publication left at its source, although the operation succeeded.

import type { Context } from '../context.ts'
import type { RemoveReport } from '../disk/remove/remove.ts'
import { cleanupError, reportCleanupError } from '../runtime/observe.ts'

/** Reports what could not be removed at the source; the data is at its destination. */
export function reportLeft(context: Context, left: RemoveReport | undefined): void {
  const [failed] = left?.errors ?? []
  const [kept] = left?.kept ?? []
  if (failed !== undefined) report(context, failed.error, failed.path)
  if (kept !== undefined) report(context, new Error(kept.reason), kept.path)
}

function report(context: Context, error: unknown, path: string): void {
  context.counters.cleanupErrors++
  reportCleanupError(context.onCleanupError, cleanupError(error, path))
}
