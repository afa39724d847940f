// Claiming: of a hundred claimants exactly one wins. Promise: a live handoff is never called gone.
//   1. rename handoffs/<ticket> to claims/<ticket>                   the commit, synchronous
//   2. read the record; refused: rename it back and report
//   3. rename attempt-<n> to attempt-<n+1>; only then the caller sees it
// Not found at 1: handoff/find.ts says where it stands, and a holder that proves dead is buried at once.

import { constants } from 'node:fs'
import { hostname } from 'node:os'
import { setTimeout as pause } from 'node:timers/promises'
import type { FileSystem } from '../disk/file-system.ts'
import { removeTreeSync } from '../disk/remove/remove.ts'
import { renameIfThere } from '../disk/rename-if-there.ts'
import { errnoOf, ioError, isTempFileError, TempFileError } from '../errors.ts'
import { attemptName, DATA, goneName, inside, isTicket, parseAttempt } from '../layout.ts'
import { channels, log } from '../runtime/observe.ts'
import type { Session } from '../session/session.ts'
import { freeFromDead, type Holder } from './find.ts'
import { isSpent, undoPublishings } from './give-back.ts'
import { checkTicket, corruptError, goneError, readHandoff } from './handoff-record.ts'
import { Hold } from './held-claim.ts'

/** A single look called 976 of 12,651 live handoffs gone (they were between two directories); so we look for this long. */
export const LOOKS = 5
export const PAUSE_MS = 25
/** How often it may be seen on its way from one directory to another before we say that somebody has it. */
const MOST_MOVES = 500

/** Claims `ticket` into `session`. @throws ERR_TEMP_TICKET_INVALID, _HANDOFF_GONE, _HANDOFF_CLAIMED, _HANDOFF_CORRUPT, _SESSION_LOST, _IO */
export async function claim(session: Session, ticket: unknown): Promise<Hold> {
  checkTicket(isTicket(ticket))
  const wanted = String(ticket)
  for (let look = 0, moves = 0; look < LOOKS; ) {
    if (session.ended) throw closedError()
    const hold = attempt(session, wanted)
    if (hold !== undefined) {
      log.handoff('claimed %s, attempt %d', wanted, hold.attempt)
      if (channels.claim.hasSubscribers) channels.claim.publish({ ticket: wanted, attempt: hold.attempt })
      return hold
    }
    const found = await freeFromDead(session.context, wanted)
    if (found.state === 'held') throw claimedError(found.holder)
    if (found.state === 'moving') {
      if (++moves > MOST_MOVES) throw claimedError({ pid: undefined, hostname: undefined, since: undefined })
      await pause(1)
      continue
    }
    look++
    await pause(PAUSE_MS)
  }
  throw goneError()
}

/** One try, in one turn of the loop; undefined when it is not in handoffs/. */
function attempt(session: Session, ticket: string): Hold | undefined {
  const { fs, layout } = session.context
  const directory = inside(session.claims, ticket)
  if (session.held.has(ticket)) {
    const since = fs.lstatSync(directory).ctimeMs
    throw claimedError({ pid: process.pid, hostname: hostname(), since })
  }
  try {
    fs.renameSync(inside(layout.handoffs, ticket), directory)
  } catch (error) {
    const errno = errnoOf(error)
    // Ours but unheld: a retransmitted rename (NFS) answered ENOENT although the first had won.
    if (!stands(fs, directory)) {
      if (errno !== 'ENOENT') throw ioError(error, 'claim the handoff', directory)
      if (!stands(fs, session.claims) && !session.confirm()) throw session.lostError()
      return undefined
    }
  }
  session.held.add(ticket)
  try {
    return take(session, directory, ticket)
  } catch (error) {
    session.held.delete(ticket)
    if (isTempFileError(error)) throw error
    putBack(session, directory, ticket)
    throw ioError(error, 'claim the handoff', directory)
  }
}

/** Won, but it cannot be taken: others may try, and until then it must not stand in our claims/. */
function putBack(session: Session, directory: string, ticket: string): void {
  try {
    renameIfThere(session.context.fs, directory, inside(session.context.layout.handoffs, ticket))
  } catch (error) {
    log.handoff('%s stays in our claims: %s', ticket, errnoOf(error))
  }
}

function take(session: Session, directory: string, ticket: string): Hold | undefined {
  const { fs, layout } = session.context
  const names = fs.readdirSync(directory).map(String)
  undoPublishings(fs, directory, names)
  const read = readHandoff(fs, directory, ticket)
  // The disk failed, or we are out of descriptors: nothing is wrong with the handoff.
  if (read.state === 'refused' && read.cause !== undefined) throw read.cause
  const why =
    read.state === 'read'
      ? dataProblem(fs, directory, read.record)
      : read.state === 'missing'
        ? 'it is missing'
        : read.why
  if (why !== undefined && isSpent(fs, directory, ticket)) {
    const gone = inside(layout.sessions, goneName(ticket))
    fs.renameSync(directory, gone)
    removeTreeSync(fs, gone)
    throw goneError()
  }
  if (why !== undefined || read.state !== 'read') {
    putBack(session, directory, ticket)
    throw corruptError(why ?? 'it is missing', inside(layout.handoffs, ticket))
  }
  return new Hold(session, directory, read.record, countAttempt(fs, directory, names))
}

function dataProblem(
  fs: FileSystem,
  directory: string,
  record: { kind: string; name: string },
): string | undefined {
  const data = inside(directory, DATA)
  const names = stands(fs, data) ? fs.readdirSync(data).map(String) : []
  if (!names.includes(record.name)) return 'it names a file that is not there'
  const stats = fs.lstatSync(inside(data, record.name))
  const matches = record.kind === 'file' ? stats.isFile() : stats.isDirectory()
  return matches ? undefined : 'what it names is of another kind'
}

/** Counts this attempt on disk and returns its number. */
function countAttempt(fs: FileSystem, directory: string, names: readonly string[]): number {
  const count = Math.max(-1, ...names.map((name) => parseAttempt(name) ?? -1))
  if (count >= 0) {
    fs.renameSync(inside(directory, attemptName(count)), inside(directory, attemptName(count + 1)))
    return count + 1
  }
  const flags = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL
  fs.closeSync(fs.openSync(inside(directory, attemptName(1)), flags, 0o600))
  return 1
}

function stands(fs: FileSystem, path: string): boolean {
  try {
    fs.lstatSync(path)
    return true
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return false
    throw error
  }
}

function closedError(): TempFileError {
  return new TempFileError(
    'ERR_TEMP_CLOSED',
    'Cannot claim: the manager was closed meanwhile. The handoff stays.',
  )
}

function claimedError(holder: Holder): TempFileError {
  const where = holder.hostname === undefined ? '' : ` on ${holder.hostname}`
  const since = holder.since === undefined ? '' : ` since ${new Date(holder.since).toISOString()}`
  const who = holder.pid === undefined ? 'somebody' : `process ${holder.pid}${where}`
  return new TempFileError(
    'ERR_TEMP_HANDOFF_CLAIMED',
    `The handoff is held by ${who}${since}. Try again when it was released; a holder that dies gives it back by itself.`,
    {
      details: {
        ...(holder.pid === undefined ? {} : { pid: holder.pid }),
        ...(holder.since === undefined ? {} : { since: Math.floor(holder.since) }),
      },
    },
  )
}
