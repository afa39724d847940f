// Where a new entry is to stand. Guarantee: what is reserved is taken by its entry, or given up together with its
// place in the quota and the directory of its exact name.

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
  /** Permission bits to set after the making, where the umask or the caller wants it. */
  readonly mode: number | undefined
}

/** Throws what {@link creationError} makes of the system's error, or ERR_TEMP_QUOTA. */
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

/** What to throw in place of `error`, once everything reserved is undone. */
export function giveUpSync({ session, holding }: Slot, error: unknown): Error {
  session.quota.dropEntry()
  holding?.discardSync()
  return creationError(error, session.path)
}

/** As {@link giveUpSync}. */
export async function giveUp({ session, holding }: Slot, error: unknown): Promise<Error> {
  session.quota.dropEntry()
  await holding?.discard()
  return creationError(error, session.path)
}
