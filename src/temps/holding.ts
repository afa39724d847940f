// The special ways to hold an entry: under an exact name, adopted in place, or inside a claim. Each kind ends in its own
// way. A plain entry of a session has none.

import type { Identity } from '../disk/move/staging.ts'

export interface Holding {
  readonly path: string
  readonly name: string
  /** Others may write where it is: it was adopted in place, in this directory. */
  readonly foreign?: Identity
  /** Deletes it permanently. */
  discard(): Promise<void>
  discardSync(): void
  /** Called at the end of its scope; without it, discard is. */
  leave?(): Promise<void>
  leaveSync?(): void
  /** A claim that is completed: leave() gives nothing back. */
  readonly completed?: boolean
  /** Removes the rest, after its data was moved away. */
  vacate(): Promise<void>
  vacateSync?(): void
  /** The directory in which a handoff of it is built, so that a crash in the middle loses nothing. */
  readonly workshop: string
}
