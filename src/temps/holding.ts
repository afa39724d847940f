// Where an entry stands that does not stand plainly in its session: under an exact name, in place where it was
// adopted, or inside a claim. What its end means differs, so each brings its own.

export interface Holding {
  readonly path: string
  readonly name: string
  /** Others may write where it is: it was adopted in place. */
  readonly foreign?: boolean
  /** Deletes it for good. */
  discard(): Promise<void>
  discardSync(): void
  /** What the end of its scope does; without it, discard. */
  leave?(): Promise<void>
  leaveSync?(): void
  /** Its data was moved away: the rest goes. */
  vacate(): Promise<void>
  vacateSync?(): void
  /** The directory in which a handoff of it is built, such that a crash half way loses nothing. */
  readonly workshop: string
}
