// The methods that report use, sweep and close. The implementation is in manager.ts.

import type { Counters } from '../context.ts'
import type { SweepReport } from '../sweep/report.ts'
import type { SweepOptions } from '../sweep/sweep-options.ts'
import type { RootUsage } from '../sweep/usage.ts'

/**
 * Counters of one manager since it was created.
 * @category Managers
 */
export interface ManagerStats extends Readonly<Counters> {
  /** Live files and directories, claims included. */
  readonly entries: number
  /** Bytes received or written by this manager and not removed yet: what limits.totalBytes counts. */
  readonly bytes: number
  /** Claims that this manager has now. */
  readonly claims: number
  /** Operations running now: receives, handOffs, claims and the like. */
  readonly pending: number
}

/** The methods of a manager that report its use, sweep and close it. */
export interface MaintenanceMethods {
  /** Absolute path of the root directory, `<baseDir>/<name>-<uid>`. It is created at the first use. */
  readonly root: string
  /** Absolute path of this manager's private directory; undefined until the first use and after close. */
  readonly sessionPath: string | undefined

  /**
   * Removes the sessions of dead processes, gives their claims back, and removes expired handoffs. It also runs
   * automatically, see {@link TempFileManagerOptions.sweep}. Any number of sweeps may run at once.
   * @throws ERR_TEMP_OPTION_INVALID, ERR_TEMP_UNSAFE_ROOT, ERR_TEMP_IO (the root itself cannot be read), ERR_TEMP_CLOSED
   * @example
   * ```ts
   * import { getTempManager } from 'temp-file-manager'
   *
   * const report = await getTempManager().sweep({ dryRun: true })
   * for (const entry of report.items) console.log(entry.name, entry.action, entry.reason)
   * ```
   * @category Maintenance
   */
  sweep(options?: SweepOptions): Promise<SweepReport>

  /**
   * Returns the counters; no disk access.
   * @category Maintenance
   */
  stats(): ManagerStats

  /**
   * Measures what is on disk under the root, per session, handoff and upload.
   * @throws ERR_TEMP_UNSAFE_ROOT, ERR_TEMP_IO
   * @category Maintenance
   */
  usage(): Promise<RootUsage>

  /**
   * Removes every live file and directory, gives all claims back, aborts running operations and waits for them. The
   * manager stays usable: the next call starts a new session. Call it between two tests.
   * @category Maintenance
   */
  removeAll(): Promise<void>

  /**
   * Ends the manager: aborts running operations and waits for them, stops a running sweep, gives claims back and removes
   * its files. Idempotent. Never rejects for a failed removal, which `onCleanupError` reports.
   * @category Maintenance
   */
  close(): Promise<void>

  /**
   * As {@link close}, synchronously: operations that are still running fail, with ERR_TEMP_CLOSED or ERR_TEMP_ABORTED. Idempotent.
   * @category Maintenance
   */
  closeSync(): void
}
