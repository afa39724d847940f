// Publishing: a file or directory leaves its session and becomes a handoff. Guarantee: after a kill at any point the handoff
// exists whole or not at all, and after a failure the entry is unchanged.
//   1. build .pub-<ticket> beside the data: data/, handoff.json, attempt-0
//   2. rename the data into it              (adopted in place on another device: copy it)
//   3. sync all of it, bottom-up            (durable)
//   4. rename it into handoffs/             the commit, synchronous
//   5. sync handoffs/                       (durable: without it ext4, xfs and btrfs lost it in a power cut)

import { hostname } from 'node:os'
import { createAttempt, stampAttempt } from '../claimable/attempt.ts'
import { isGoodName } from '../claimable/claimable-record.ts'
import { checkMeta, HANDOFF_VERSION, type HandoffRecord } from '../claimable/handoff-record.ts'
import type { Context } from '../context.ts'
import type { FileSystem } from '../disk/file-system.ts'
import { moveIn } from '../disk/move/move-in.ts'
import type { Identity } from '../disk/move/staging.ts'
import { isMissing, renameIfThere } from '../disk/paths.ts'
import { writeRecord } from '../disk/record-file.ts'
import { removeTree, removeTreeSync } from '../disk/remove/remove.ts'
import { renameInto } from '../disk/rename-into.ts'
import { syncDirectory, syncTree } from '../disk/sync.ts'
import { errnoOf, ioError, TempFileError } from '../errors.ts'
import { displayName } from '../input/names.ts'
import { boolean, duration, optionsOf, unchecked } from '../input/options.ts'
import { attemptName, DATA, inside, publishName, RECORD, randomText, TICKET_BYTES } from '../layout.ts'
import { reportLeft } from '../removal/report-left.ts'
import { channels, log } from '../runtime/observe.ts'
import { journalOf } from '../session/outside.ts'
import { makeRootDurable } from '../session/root.ts'
import type { Session } from '../session/session.ts'
import type { HandOffOptions, Json } from '../types.ts'

/** The file or directory to publish. */
export interface Publishable {
  /** Default: a new one. An upload chooses it beforehand, so that a crash cannot lose it. */
  readonly ticket?: string
  readonly kind: 'file' | 'dir'
  readonly path: string
  readonly name: string
  /** It was adopted in place, in this directory, to which other users may write. */
  readonly foreign?: Identity | undefined
}

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
  const moved = inside(inside(draft, DATA), record.name)
  const published = inside(layout.handoffs, ticket)
  let copied = false
  try {
    checkKind(fs, entry)
    build(session, draft, record)
    const holder = entry.foreign
    if (holder !== undefined) copied = await takeFromOutside(session, holder, origin, moved)
    else fs.renameSync(origin, moved)
    if (record.durable) await syncTree(fs, draft)
    stampAttempt(fs, draft, [attemptName(0)])
    if (!renameInto(fs, draft, published)) fs.renameSync(draft, published) // throws the system's error
    if (record.durable) await syncPublished(context, published, draft)
  } catch (error) {
    // The session may have a tombstone's name. It must have its own again before anything is undone.
    const confirmed = session.confirm()
    undo(fs, draft, moved, copied ? undefined : origin)
    throw publishError(session, confirmed, error, origin)
  }
  if (copied) reportLeft(context, await removeTree(fs, origin, { foreign: entry.foreign }))
  log.handoff('published %s', ticket)
  if (channels.handoff.hasSubscribers)
    channels.handoff.publish({ ticket, kind: record.kind, name: record.name })
  return ticket
}

/** An entry that was adopted in place may have any name; a claimant refuses a record with an unsafe one. */
function plainName(name: string): string {
  return isGoodName(name) ? name : displayName(name)
}

/** Every claimant would refuse a link or a device. */
function checkKind(fs: FileSystem, entry: Publishable): void {
  const stats = fs.lstatSync(entry.path)
  if (entry.kind === 'file' ? stats.isFile() : stats.isDirectory()) return
  throw new TempFileError(
    'ERR_TEMP_IO',
    `Cannot hand it off: its path does not hold a ${entry.kind === 'file' ? 'regular file' : 'directory'} any more. Put the data itself there.`,
    { path: entry.path },
  )
}

/** Moves an entry that was adopted in place, from a directory that other users may write to. True when it was copied. */
async function takeFromOutside(
  session: Session,
  holder: Identity,
  origin: string,
  moved: string,
): Promise<boolean> {
  const journal = journalOf(session.context.fs, session.path)
  return (await moveIn(session.context.fs, origin, moved, { journal, holder, keepCopied: true })).copied
}

/** Step 5. When it fails the handoff is taken back, unless another process has claimed it already. */
async function syncPublished(context: Context, published: string, draft: string): Promise<void> {
  const { fs, layout } = context
  try {
    await makeRootDurable(context)
    await syncDirectory(fs, layout.handoffs)
  } catch (error) {
    if (renameIfThere(fs, published, draft)) throw error
    log.handoff('claimed before it was durable: %s', errnoOf(error))
  }
}

const checkOptions = optionsOf('handOff', {
  ttl: duration,
  meta: unchecked<Json>(), // by checkMeta
  durable: boolean,
})

function newRecord(context: Context, entry: Publishable, options: HandOffOptions): HandoffRecord {
  const { ttl = context.handoffTtl, durable = true, meta } = checkOptions(options)
  return {
    v: HANDOFF_VERSION,
    ticket: entry.ticket ?? randomText(TICKET_BYTES),
    kind: entry.kind,
    name: plainName(entry.name),
    ttl,
    maxAttempts: context.maxAttempts,
    durable,
    meta: checkMeta(meta),
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
  writeRecord(fs, inside(draft, RECORD), record)
  createAttempt(fs, draft, session.mendsModes)
}

/** `origin`: the path that the data returns to; undefined when it was not moved. */
function undo(fs: FileSystem, draft: string, moved: string, origin: string | undefined): void {
  try {
    if (origin !== undefined) fs.renameSync(moved, origin)
  } catch (error) {
    // It was not moved, or the whole session was removed. In all other cases the data must not be deleted with the draft.
    if (errnoOf(error) !== 'ENOENT' || !isMissing(fs, moved)) return // nor where the system cannot answer
  }
  removeTreeSync(fs, draft)
}

function publishError(session: Session, confirmed: boolean, error: unknown, origin: string): TempFileError {
  if (session.ended)
    return new TempFileError(
      'ERR_TEMP_CLOSED',
      'Cannot hand it off: its manager was closed. Await handOff() before close().',
      {
        cause: error,
      },
    )
  if (errnoOf(error) !== 'ENOENT') return ioError(error, 'publish the handoff', origin)
  if (!confirmed) return session.lostError()
  return new TempFileError(
    'ERR_TEMP_REMOVED',
    'Cannot hand it off: it was removed by other code or another process. Only this package may move or delete it.',
    {
      cause: error,
      path: origin,
    },
  )
}
