// The state that the modules of one manager share: its settings, its root, its counters. No decisions here.

import type { Root } from './layout.ts'
import type { Settings } from './manager-options.ts'

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

export interface Context extends Settings, Root {
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
