// The types of a sweep's report. No decisions here.

import type { HandoffInfo } from '../handoff/info.ts'

/**
 * One entry of the root as a sweep saw it.
 * @category Maintenance
 */
export interface SweepItem {
  /** Its name on disk at the time, with its directory: 'sessions/s-...', 'handoffs/...', 'uploads/...'. */
  readonly name: string
  readonly kind: 'session' | 'draft' | 'tombstone' | 'condemned' | 'handoff' | 'upload' | 'kept' | 'foreign'
  /** 'preserved': moved to `kept/`, because its dead owner had set `preserve`. 'left-to-others': another process was first. */
  readonly action: 'kept' | 'removed' | 'would-remove' | 'preserved' | 'left-to-others'
  /** In words: 'owner alive (pid 1234, the process runs)', 'made on another host; see sharedVolume'. */
  readonly reason: string
  /** Files and bytes removed of it. */
  readonly files: number
  readonly bytes: number
}

/**
 * The result of {@link TempFileManager.sweep}.
 * @category Maintenance
 */
export interface SweepReport {
  readonly items: readonly SweepItem[]
  /** Files, and their bytes by size, that were removed. */
  readonly files: number
  readonly bytes: number
  readonly sessionsRemoved: number
  /** Every handoff after the sweep: age, size, attempts, claimant, expiry. */
  readonly handoffs: readonly HandoffInfo[]
  /** Tickets whose claimants were dead, and that can be claimed again. */
  readonly claimsGivenBack: readonly string[]
  /** Tickets whose time to live was over. */
  readonly handoffsExpired: readonly string[]
  /** Ids of partial uploads whose client did not return in time, and of finished ones that were kept long enough. */
  readonly uploadsExpired: readonly string[]
  /** Failures; the next sweep tries again. */
  readonly errors: readonly { readonly name: string; readonly message: string }[]
  readonly dryRun: boolean
  /** False when the signal or the timeLimit ended it early; the next sweep continues. */
  readonly finished: boolean
  readonly durationMs: number
}

/**
 * The progress of a running sweep: entries judged, and files and bytes removed, also of an entry that is being removed.
 * @category Maintenance
 */
export interface SweepProgress {
  readonly done: number
  readonly total: number
  readonly files: number
  readonly bytes: number
}
