// The place of a new entry. Guarantee: it is used by its entry, or given up together with its share of the quota and
// the directory of its exact name.

import { inside } from '../layout.ts'
import { creationError, type Session } from '../session/session.ts'
import { makeWrapper } from './exact-name.ts'
import type { Holding } from './holding.ts'
import { type Naming, nameOf } from './naming.ts'

export interface Slot {
  readonly session: Session
  readonly sequence: number
  readonly holding: Holding | undefined
  readonly path: string
  /** Permission bits to set after creation, where the umask or the caller requires it. */
  readonly mode: number | undefined
}

/** Reserves a place. Throws {@link creationError} for the system's error, or ERR_TEMP_QUOTA. */
export function reserve(session: Session, naming: Naming, usualMode: number): Slot {
  const { affixes, exact } = naming
  session.quota.addEntry()
  const sequence = ++session.sequence
  const mode = naming.mode ?? (session.mendsModes ? usualMode : undefined)
  if (exact === undefined) {
    const path = inside(session.path, nameOf(session, sequence, affixes))
    return { session, sequence, holding: undefined, path, mode }
  }
  try {
    const holding = makeWrapper(session, sequence, affixes, exact)
    return { session, sequence, holding, path: holding.path, mode }
  } catch (error) {
    session.quota.dropEntry()
    throw creationError(error, session.path)
  }
}

/** Undoes everything reserved; returns the error to throw in place of `error`. */
export function giveUpSync({ session, holding }: Slot, error: unknown): Error {
  session.quota.dropEntry()
  try {
    holding?.discardSync()
  } catch {} // its directory is removed with the session; the caller needs the first error
  return creationError(error, session.path)
}

/** As {@link giveUpSync}. */
export async function giveUp({ session, holding }: Slot, error: unknown): Promise<Error> {
  session.quota.dropEntry()
  await holding?.discard().catch(() => {}) // as above
  return creationError(error, session.path)
}
