// persist() and persistSync(): check the options, then move the entry to its permanent place. Guarantee: nothing
// moves before all options are checked.

import { moveInto, moveIntoSync } from '../disk/move/move.ts'
import type { MoveOptions } from '../disk/move/staged-move.ts'
import type { Identity } from '../disk/move/staging.ts'
import { isMissing } from '../disk/paths.ts'
import { errnoOf, ioError, isTempFileError, optionError } from '../errors.ts'
import { absolutePath, isGivenPath } from '../input/given-path.ts'
import { boolean, mode, optionsOf } from '../input/options.ts'
import { reportLeft } from '../removal/report-left.ts'
import { journalOf } from '../session/outside.ts'
import type { Session } from '../session/session.ts'
import { removedError } from './failure.ts'

const checkOptions = optionsOf('persist', {
  overwrite: boolean,
  durable: boolean,
  mode,
  makeParents: boolean,
})

/** The entry to persist. */
export interface Persistable {
  readonly session: Session
  readonly kind: 'file' | 'dir'
  readonly path: string
  /** Others may write where it is: it was adopted in place, in this directory. */
  readonly foreign: Identity | undefined
  /** Ends its former state, where a copy of it was moved. */
  readonly retire: MoveOptions['retire']
}

/**
 * Moves an entry to `target`, an absolute path.
 * @throws ERR_TEMP_OPTION_INVALID, ERR_TEMP_EXISTS, ERR_TEMP_NO_SPACE, ERR_TEMP_IO
 */
export async function persist(entry: Persistable, target: string, given: unknown): Promise<void> {
  const options = check(entry, given)
  const { context } = entry.session
  try {
    const left = await moveInto(context.fs, entry.path, target, options)
    if (entry.retire === undefined) reportLeft(context, left) // a claim is retired once more, which reports its failure
  } catch (error) {
    throw ioError(error, DOING, target)
  }
}

/** As {@link persist}, on one device. */
export function persistSync(entry: Persistable, target: string, given: unknown): void {
  const options = check(entry, given)
  try {
    moveIntoSync(entry.session.context.fs, entry.path, target, options)
  } catch (error) {
    throw ioError(error, DOING, target)
  }
}

const DOING = 'persist a temporary file or directory'

/** The absolute path of a destination. @throws ERR_TEMP_OPTION_INVALID, ERR_TEMP_IO */
export function targetOf(destination: unknown): string {
  if (isGivenPath(destination)) return absolutePath(destination)
  throw optionError('destination', 'persist needs the path of the destination, a non-empty string.')
}

function check(entry: Persistable, given: unknown): MoveOptions {
  const { overwrite = true, durable = true, makeParents = false, mode } = checkOptions(given)
  const { session, kind, foreign, retire } = entry
  const journal = journalOf(session.context.fs, session.path)
  return { overwrite, durable, makeParents, mode, kind, foreign, retire, journal }
}

/**
 * The error of a persist that failed: an entry that does not exist any more was removed, or its session was lost.
 * `requireLive` throws if the entry has ended.
 */
export function persistError(
  error: unknown,
  { path, session }: Pick<Persistable, 'path' | 'session'>,
  requireLive: () => void,
): unknown {
  const { fs } = session.context
  const cause = isTempFileError(error) ? error.cause : error
  if (errnoOf(cause) !== 'ENOENT' || !isMissing(fs, path)) return error
  requireLive()
  if (!session.confirm()) return session.lostError()
  if (!isMissing(fs, path)) return error
  return removedError('Cannot persist it: it was removed by other code or another process.', { cause, path })
}
