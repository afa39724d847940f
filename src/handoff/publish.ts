// Publishing: a file or directory leaves its session. Promise: after a kill at any point the handoff exists
// whole or not at all, and after a failure the live handle is as it was.
//   1. build .pub-<ticket> beside the data: data/, handoff.json, attempt-0
//   2. rename the data into it
//   3. sync all of it, bottom-up            (durable)
//   4. rename it into handoffs/             the commit, synchronous
//   5. sync handoffs/                       (durable: without it ext4, xfs and btrfs lost it in a power cut)

import { constants } from 'node:fs'
import { hostname } from 'node:os'
import type { Context } from '../context.ts'
import { writeRecord } from '../disk/record.ts'
import { removeTreeSync } from '../disk/remove.ts'
import { syncDirectory, syncTree } from '../disk/sync.ts'
import { errnoOf, ioError, TempFileError } from '../errors.ts'
import { channels, log } from '../observe.ts'
import { type Duration, toMilliseconds } from '../quantities.ts'
import {
  attemptName,
  DATA,
  inside,
  publishName,
  RECORD,
  randomText,
  TICKET_BYTES,
} from '../session/layout.ts'
import type { Session } from '../session/session.ts'
import { touchAttempt } from './give-back.ts'
import { checkMeta, HANDOFF_VERSION, type HandoffRecord, type Json } from './record.ts'

/** Options of {@link TempEntry.handOff}. */
export interface HandOffOptions {
  /** How long it waits for a claimant, from each publishing, release and return. Default: the manager's `handoff.ttl`, '7d'. */
  ttl?: Duration | undefined
  /** Any JSON value of at most 64 KiB, for the claimant. */
  meta?: Json | undefined
  /** Sync everything to the disk before resolving, so that it survives a power cut. Default true. */
  durable?: boolean | undefined
}

/** What is published. */
export interface Publishable {
  readonly kind: 'file' | 'dir'
  readonly path: string
  readonly name: string
}

const NEW_EMPTY = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | (constants.O_NOFOLLOW ?? 0)

/** Publishes `entry`, building in `workshop`; returns the ticket. */
export async function publish(
  session: Session,
  entry: Publishable,
  workshop: string,
  options: HandOffOptions,
): Promise<string> {
  const { context } = session
  const { fs, layout } = context
  const record = newRecord(context, entry, options)
  const { ticket } = record
  const origin = entry.path
  const draft = inside(workshop, publishName(ticket))
  const moved = inside(inside(draft, DATA), entry.name)
  const published = inside(layout.handoffs, ticket)
  try {
    build(session, draft, record)
    fs.renameSync(origin, moved)
    if (record.durable) await syncTree(fs, draft)
    touchAttempt(fs, draft, [attemptName(0)])
    fs.renameSync(draft, published)
  } catch (error) {
    undo(context, draft, moved, origin)
    throw publishError(session, error, origin)
  }
  if (record.durable) {
    try {
      await syncDirectory(fs, layout.handoffs)
    } catch (error) {
      if (takeBack(context, published, draft)) {
        undo(context, draft, moved, origin)
        throw publishError(session, error, origin)
      }
    }
  }
  log.handoff('published %s', ticket)
  if (channels.handoff.hasSubscribers)
    channels.handoff.publish({ ticket, kind: record.kind, name: record.name })
  return ticket
}

function newRecord(context: Context, entry: Publishable, options: HandOffOptions): HandoffRecord {
  const { durable = true } = options
  if (typeof durable !== 'boolean')
    throw new TempFileError('ERR_TEMP_OPTION_INVALID', 'durable must be true or false.')
  return {
    v: HANDOFF_VERSION,
    ticket: randomText(TICKET_BYTES),
    kind: entry.kind,
    name: entry.name,
    ttl: options.ttl === undefined ? context.handoffTtl : toMilliseconds(options.ttl, 'ttl'),
    durable,
    meta: checkMeta(options.meta),
    publishedAt: Date.now(),
    publisher: { pid: process.pid, hostname: hostname() },
  }
}

function build(session: Session, draft: string, record: HandoffRecord): void {
  const { fs } = session.context
  for (const directory of [draft, inside(draft, DATA)]) {
    fs.mkdirSync(directory, { mode: 0o700 })
    if (session.mendsModes) fs.chmodSync(directory, 0o700)
  }
  writeRecord(fs, inside(draft, RECORD), record, false)
  fs.closeSync(fs.openSync(inside(draft, attemptName(0)), NEW_EMPTY, 0o600))
}

/** False when somebody has claimed it already: then it is theirs, and published it stays. */
function takeBack(context: Context, published: string, draft: string): boolean {
  try {
    context.fs.renameSync(published, draft)
    return true
  } catch {
    return false
  }
}

function undo(context: Context, draft: string, moved: string, origin: string): void {
  const { fs } = context
  try {
    fs.renameSync(moved, origin)
  } catch (error) {
    // Never moved, or the whole session is gone. Anything else: the data must not be deleted with the draft.
    if (errnoOf(error) !== 'ENOENT') return
  }
  removeTreeSync(fs, draft)
}

function publishError(session: Session, error: unknown, origin: string): TempFileError {
  if (errnoOf(error) !== 'ENOENT') return ioError(error, 'publish the handoff', origin)
  if (!session.confirm()) return session.lostError()
  return new TempFileError('ERR_TEMP_REMOVED', 'Cannot hand it off: it was removed by somebody else.', {
    cause: error,
    path: origin,
  })
}
