// Claiming a handoff. Guarantee: of any number of claimants one wins, and an existing handoff is never reported as gone.
//   1. rename handoffs/<ticket> to claims/<ticket>                   the commit, synchronous
//   2. read the record; refused: rename it back, and throw
//   3. rename attempt-<n> to attempt-<n+1>, then return it
// Not found at 1: find.ts looks for it in the sessions, and removes the session of a dead claimant at once.

import { hostname } from 'node:os'
import { setImmediate } from 'node:timers'
import { setTimeout as pause, setImmediate as turn } from 'node:timers/promises'
import { countAttempt, markRetried } from '../claimable/attempt.ts'
import { stateOf } from '../claimable/expiry.ts'
import { isSpent, undoPublishings } from '../claimable/give-back.ts'
import {
  checkTicket,
  corruptError,
  deadError,
  goneError,
  type HandoffRecord,
} from '../claimable/handoff-record.ts'
import { readFailure } from '../claimable/last-error.ts'
import type { FileSystem } from '../disk/file-system.ts'
import { existsAt, findSync, namesIfThere, namesIn } from '../disk/paths.ts'
import { removeTreeSync } from '../disk/remove/remove.ts'
import { renameInto } from '../disk/rename-into.ts'
import { errnoOf, ioError, isTempFileError, TempFileError } from '../errors.ts'
import { DATA, goneName, inside, isTicket } from '../layout.ts'
import { channels, log } from '../runtime/observe.ts'
import type { Session } from '../session/session.ts'
import { type Claimant, freeFromDead } from './find.ts'
import { HeldClaim } from './held-claim.ts'

/** One look missed 976 of 12,651 existing handoffs, which were between two directories, so a claimant looks this often. */
export const LOOKS = 5
export const PAUSE_MS = 25
/** How often a handoff may be found moving between directories before it is reported as claimed. */
export const MOST_MOVES = 500

/** Claimants that look in one turn of the event loop: a thousand would hold it for over 50 ms. */
const MOST_IN_A_TURN = 64

/** The purpose of a claim: `retry` does not count as an attempt, and only `work` is refused a dead letter. */
export type Purpose = 'work' | 'discard' | 'retry'

/**
 * Claims `ticket` into `session`.
 * @throws ERR_TEMP_TICKET_INVALID, _HANDOFF_GONE, _HANDOFF_CLAIMED, _HANDOFF_DEAD, _HANDOFF_CORRUPT, _SESSION_LOST, _IO
 */
export async function claim(
  session: Session,
  ticket: unknown,
  purpose: Purpose = 'work',
): Promise<HeldClaim> {
  checkTicket(isTicket(ticket))
  try {
    return await claimSoon(session, String(ticket), purpose)
  } catch (error) {
    throw ioError(error, 'claim the handoff') // a look that the system refused
  }
}

async function claimSoon(session: Session, wanted: string, purpose: Purpose): Promise<HeldClaim> {
  for (let look = 0, moves = 0; look < LOOKS; ) {
    const held = await attemptSoon(session, wanted, purpose)
    if (held !== undefined) return held
    const found = await freeFromDead(session.context, wanted)
    if (found.state === 'claimed') throw claimedError(found.claimant)
    const isMoving = found.state === 'moving'
    if (isMoving && ++moves > MOST_MOVES) throw claimedError(undefined)
    if (!isMoving) look++
    await pause(isMoving ? 1 : PAUSE_MS)
  }
  throw goneError()
}

/**
 * Makes a dead letter claimable again, as often as when it was published. Its time to live starts again.
 * @throws as {@link claim}, ERR_TEMP_NO_SPACE
 */
export async function retry(session: Session, ticket: unknown): Promise<void> {
  const held = await claim(session, ticket, 'retry')
  const { fs } = session.context
  held.reason = readFailure(fs, held.directory) // it stays: a retry does not count as an attempt
  try {
    markRetried(fs, held.directory, namesIn(fs, held.directory))
  } catch (error) {
    throw ioError(error, 'retry the handoff', held.directory)
  } finally {
    held.release()
  }
}

/**
 * Claims a handoff and completes it, unseen; also a dead letter. It is not an entry of the manager, so no limit refuses it.
 * @throws as {@link claim}
 */
export async function discard(session: Session, ticket: unknown): Promise<void> {
  const held = await claim(session, ticket, 'discard')
  session.context.counters.claimed++
  try {
    await held.complete()
  } catch (error) {
    leave(held)
    throw error
  }
}

/** Gives a claim back now, or if that fails at the next sweep. */
function leave(held: HeldClaim): void {
  const { postponed } = held.session
  const leaving = {
    leave: async () => {
      held.release()
      postponed.delete(leaving)
    },
  }
  postponed.add(leaving)
  leaving.leave().catch((error: unknown) => log.handoff('could not be given back: %s', String(error)))
}

/** One attempt, in a turn of the event loop that is not full yet; undefined when it is not in handoffs/. */
async function attemptSoon(
  session: Session,
  ticket: string,
  purpose: Purpose,
): Promise<HeldClaim | undefined> {
  while (isCrowded()) await turn()
  session.requireClaims()
  const held = attempt(session, ticket, purpose)
  if (held === undefined) return undefined
  log.handoff('claimed %s, attempt %d', ticket, held.attempt)
  if (channels.claim.hasSubscribers) channels.claim.publish({ ticket, attempt: held.attempt })
  return held
}

let inThisTurn = 0

/** Counts a claimant of this turn of the event loop; true when there are too many already. */
function isCrowded(): boolean {
  if (inThisTurn >= MOST_IN_A_TURN) return true
  if (inThisTurn++ === 0)
    setImmediate(() => {
      inThisTurn = 0
    })
  return false
}

/** Renames the handoff into claims/, synchronously; undefined when it is not in handoffs/. */
function attempt(session: Session, ticket: string, purpose: Purpose): HeldClaim | undefined {
  const { fs, layout } = session.context
  const directory = inside(session.claims, ticket)
  if (session.claimed.has(ticket)) throw claimedError(ownClaim(fs, directory))
  try {
    const moved = renameInto(session.context.fs, inside(layout.handoffs, ticket), directory)
    // It may still be in claims/: a retransmitted rename (NFS) fails with ENOENT although the first one won.
    if (!moved && !existsAt(fs, directory)) {
      if (!existsAt(fs, session.claims) && !session.confirm()) throw session.lostError()
      return undefined
    }
  } catch (error) {
    if (!existsAt(fs, directory)) throw ioError(error, 'claim the handoff', directory)
  }
  try {
    return take(session, directory, ticket, purpose)
  } catch (error) {
    if (isTempFileError(error)) throw error
    putBack(session, directory, ticket)
    throw ioError(error, 'claim the handoff', directory)
  }
}

/** Gives a handoff back that was renamed but cannot be returned, so that other claimants may try. */
function putBack(session: Session, directory: string, ticket: string): void {
  try {
    renameInto(session.context.fs, directory, inside(session.context.layout.handoffs, ticket))
  } catch (error) {
    log.handoff('%s stays in claims/: %s', ticket, errnoOf(error))
  }
}

function take(session: Session, directory: string, ticket: string, purpose: Purpose): HeldClaim {
  const { fs, layout } = session.context
  const state = stateOf(session.context, directory, ticket)
  const { read } = state
  // The disk failed, or no descriptor is free: the handoff itself is undamaged.
  if (read.state === 'refused' && read.cause !== undefined) throw read.cause
  const names = namesIn(fs, directory)
  if (read.state === 'read') undoPublishings(fs, directory, names) // a refused one may be a link
  const problem = problemOf(fs, directory, read)
  if (problem !== undefined && isSpent(fs, directory, ticket)) {
    const gone = inside(layout.sessions, goneName(ticket))
    fs.renameSync(directory, gone)
    removeTreeSync(fs, gone)
    throw goneError()
  }
  if (problem !== undefined || read.state !== 'read') {
    putBack(session, directory, ticket)
    throw corruptError(problem ?? 'it is missing', inside(layout.handoffs, ticket))
  }
  if (state.dead && purpose === 'work') {
    const reason = readFailure(fs, directory)
    putBack(session, directory, ticket)
    throw deadError(state.attempt?.count ?? 0, reason)
  }
  const number = purpose === 'retry' ? (state.attempt?.count ?? 0) : countAttempt(fs, directory, names)
  return new HeldClaim(session, directory, read.record, number)
}

function problemOf(
  fs: FileSystem,
  directory: string,
  read: ReturnType<typeof stateOf>['read'],
): string | undefined {
  if (read.state === 'missing') return 'it is missing'
  return read.state === 'refused' ? read.why : dataProblem(fs, directory, read.record)
}

/** The way in which the data of a handoff differs from its record; undefined if it does not. */
export function dataProblem(fs: FileSystem, directory: string, record: HandoffRecord): string | undefined {
  const data = inside(directory, DATA)
  const isListed = namesIfThere(fs, data)?.includes(record.name) === true
  const stats = isListed ? findSync(fs, inside(data, record.name)) : undefined // a listing looks at what others move
  if (stats === undefined) return 'it names a file that is not there'
  const matches = record.kind === 'file' ? stats.isFile() : stats.isDirectory()
  return matches ? undefined : 'what it names is of another kind'
}

function ownClaim(fs: FileSystem, directory: string): Claimant | undefined {
  const stats = findSync(fs, directory)
  if (stats === undefined) return undefined
  const reason = 'this manager has claimed it'
  return {
    pid: process.pid,
    hostname: hostname(),
    claimedAtMs: Math.floor(stats.ctimeMs),
    verdict: 'alive',
    reason,
  }
}

/** `claimant`: undefined when the handoff moves too fast to be found with one. */
function claimedError(claimant: Claimant | undefined): TempFileError {
  const { pid, verdict, reason } = claimant ?? { pid: undefined, verdict: 'alive', reason: '' }
  const claimedAtMs = claimant?.claimedAtMs
  const where = claimant?.hostname === undefined ? '' : ` on ${claimant.hostname}`
  const since = claimedAtMs === undefined ? '' : ` since ${new Date(claimedAtMs).toISOString()}`
  const who = pid === undefined ? 'another process' : `process ${pid}${where}`
  const advice =
    verdict === 'unknown'
      ? `It cannot be proved whether that process is alive: ${reason}. The claim stays until it is released, or until a sweep with removeUnknownAfter.`
      : 'Try again after it is released; the claim of a process that dies is given back.'
  return new TempFileError(
    'ERR_TEMP_HANDOFF_CLAIMED',
    `The handoff is claimed by ${who}${since}. ${advice}`,
    {
      details: {
        ...(pid === undefined ? {} : { pid }),
        ...(claimedAtMs === undefined ? {} : { claimedAtMs }),
        verdict,
      },
    },
  )
}
