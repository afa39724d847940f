// The state that the modules of one manager share: its settings, its root, its counters. No decisions here.

import type { KeepPolicy } from './keep-policy.ts'
import type { Root } from './layout.ts'
import type { QuotaLimits } from './quota.ts'
import type { OnCleanupError } from './runtime/observe.ts'

/** Running totals of one manager since it was made. */
export interface Counters {
  filesCreated: number
  directoriesCreated: number
  /** Files and directories removed. */
  removed: number
  persisted: number
  handedOff: number
  /** Claims made, also those that have ended, and discards. */
  claimed: number
  /** Failures reported to `onCleanupError`. */
  cleanupErrors: number
  /** Sessions that something else removed: ERR_TEMP_SESSION_LOST. */
  sessionsLost: number
}

/** A manager's options, with every default filled in and every unit converted (bytes and milliseconds), and its state. */
export interface Context extends Root {
  readonly root: string
  readonly prefix: string
  readonly limits: QuotaLimits
  readonly handoffTtl: number
  readonly maxAttempts: number | undefined
  readonly sweepOnStart: boolean
  readonly sweepEvery: number | undefined
  readonly sharedVolume: { readonly heartbeat: number; readonly staleAfter: number } | undefined
  readonly signals: boolean
  readonly preserve: boolean
  /** The limits for failed scopes that are kept; undefined: none is kept. */
  readonly keepFailed: KeepPolicy | undefined
  readonly onCleanupError: OnCleanupError
  readonly counters: Counters
}

export function newCounters(): Counters {
  return {
    filesCreated: 0,
    directoriesCreated: 0,
    removed: 0,
    persisted: 0,
    handedOff: 0,
    claimed: 0,
    cleanupErrors: 0,
    sessionsLost: 0,
  }
}
