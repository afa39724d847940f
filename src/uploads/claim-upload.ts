// Claiming a partial upload, as a handoff is claimed. Guarantee: one of any number of claimants wins; the upload of a dead
// writer is free at once, by proof; the offset that the claimant sees is on the disk.
//   1. rename uploads/<id> to claims/<id>                    the commit, synchronous
//   2. read the record and the state; unreadable: rename it back
//   3. settle what a dead writer has left: see settle()

import { constants } from 'node:fs'
import { setTimeout as pause } from 'node:timers/promises'
import { undoPublishings } from '../claimable/give-back.ts'
import { readUpload, type UploadRecord } from '../claimable/upload-record.ts'
import { atName, doneName, readState, stateIn, type UploadState } from '../claimable/upload-state.ts'
import { close, open, sync } from '../disk/descriptors.ts'
import { createEmpty } from '../disk/empty-file.ts'
import { existsAt, findSync, namesIn, renameIfThere } from '../disk/paths.ts'
import { removeTreeSync } from '../disk/remove/remove.ts'
import { renameInto } from '../disk/rename-into.ts'
import { syncDirectory } from '../disk/sync.ts'
import { errnoOf, ioError, isTempFileError, TempFileError } from '../errors.ts'
import { LOOKS, PAUSE_MS } from '../handoff/claim.ts'
import { findClaim, readableNames } from '../handoff/claim-index.ts'
import { freeFromDead } from '../handoff/find.ts'
import { DATA, goneName, inside, isUploadId, UPLOAD_RECORD, UPLOAD_RESULT, WANTED } from '../layout.ts'
import { channels, log } from '../runtime/observe.ts'
import type { Session } from '../session/session.ts'
import { activeWriter } from './active.ts'
import { readResult, removeDrafts } from './finished.ts'
import { bootMark, UploadHold } from './hold.ts'
import type { PreparedOpening } from './rules.ts'
import { uploadBusy, uploadCorrupt, uploadGone, writerIsAt } from './upload-errors.ts'

/** Claims the upload `id`. @throws ERR_TEMP_TICKET_INVALID, _HANDOFF_GONE, _HANDOFF_CLAIMED, _HANDOFF_CORRUPT, _SESSION_LOST, _IO */
export async function claimUpload(session: Session, id: string): Promise<UploadHold> {
  requireUploadId(id)
  for (let look = 0; ; ) {
    session.requireClaims()
    const hold = await attempt(session, id)
    if (hold !== undefined) return hold
    const found = await freeFromDead(session.context, id)
    if (found.state === 'claimed') throw uploadBusy(found.claimant)
    if (found.state === 'nowhere' && ++look >= LOOKS) throw uploadGone()
    await pause(found.state === 'nowhere' ? PAUSE_MS : 1)
  }
}

/**
 * As {@link claimUpload}; a writer, in this process or another, is asked to stop first, and waited for. One that is not at
 * `offset` continues.
 */
export async function takeOver(
  session: Session,
  id: string,
  { timeoutMs, offset }: Pick<PreparedOpening, 'timeoutMs' | 'offset'>,
): Promise<UploadHold> {
  const deadline = performance.now() + timeoutMs
  let asked = false
  for (;;) {
    if (await stopHere(session, id, { deadline, offset: asked ? undefined : offset })) asked = true
    const hold = await claimIfFree(session, id, deadline)
    if (hold !== undefined) {
      if (asked && channels.upload.hasSubscribers)
        channels.upload.publish({ id, event: 'taken-over', bytes: hold.offset })
      return hold
    }
    stopElsewhere(session, id, asked ? undefined : offset)
    asked = true
    await pause(20)
  }
}

/** Undefined while a living process writes to it, until the deadline. */
async function claimIfFree(session: Session, id: string, deadline: number): Promise<UploadHold | undefined> {
  try {
    return await claimUpload(session, id)
  } catch (error) {
    const busy = isTempFileError(error) && error.code === 'ERR_TEMP_HANDOFF_CLAIMED'
    if (!busy || performance.now() > deadline) throw error
    return undefined
  }
}

/** Stops a writer of this process, and waits for it. False: there is none. */
async function stopHere(
  { context }: Session,
  id: string,
  { deadline, offset }: { deadline: number; offset: number | undefined },
): Promise<boolean> {
  const writer = activeWriter(context, id)
  if (writer === undefined) return false
  requireOffset(writer.position, offset)
  writer.stop()
  const waiting = new AbortController() // not `ref: false`: a program that waits for nothing else would end unanswered
  const left = Math.max(1, deadline - performance.now())
  await Promise.race([writer.ended, pause(left, undefined, { signal: waiting.signal })])
  waiting.abort()
  return true
}

/** Asks a writer in another process to stop. */
function stopElsewhere(session: Session, id: string, offset: number | undefined): void {
  const found = findClaim(session.context, id)
  if (found === undefined) return
  requireOffset(writtenBytes(session, found.claim), offset)
  askToStop(session, found.claim)
}

/** @throws ERR_TEMP_HANDOFF_CLAIMED */
function requireOffset(position: number | undefined, offset: number | undefined): void {
  if (position !== undefined && offset !== undefined && position !== offset) throw writerIsAt(position)
}

/** The bytes that a writer in another process has written: all that it has announced, and more. */
function writtenBytes({ context }: Session, claim: string): number | undefined {
  const data = inside(claim, DATA)
  const [name] = readableNames(context.fs, data)
  return name === undefined ? undefined : findSync(context.fs, inside(data, name))?.size
}

/** Leaves a mark in the claim of another process, which its writer looks for. */
function askToStop(session: Session, claim: string): void {
  const { fs } = session.context
  try {
    createEmpty(fs, inside(claim, WANTED), false)
  } catch (error) {
    if (errnoOf(error) !== 'EEXIST' && errnoOf(error) !== 'ENOENT')
      throw ioError(error, 'take the upload over')
  }
}

export function requireUploadId(id: unknown): void {
  if (isUploadId(id)) return
  throw new TempFileError(
    'ERR_TEMP_TICKET_INVALID',
    'This is not the id of an upload. Pass the id unchanged.',
  )
}

async function attempt(session: Session, id: string): Promise<UploadHold | undefined> {
  const { fs, layout } = session.context
  if (session.claimed.has(id)) throw uploadBusy(process)
  const directory = inside(session.claims, id)
  try {
    if (!renameInto(session.context.fs, inside(layout.uploads, id), directory)) {
      if (!existsAt(fs, session.claims) && !session.confirm()) throw session.lostError()
      return undefined
    }
  } catch (error) {
    throw ioError(error, 'claim the upload', directory)
  }
  session.claimed.set(id, new AbortController()) // before anything is awaited: a second claim of this process must see it
  try {
    return await take(session, directory, id)
  } catch (error) {
    session.claimed.delete(id)
    putBack(session, directory, id)
    throw ioError(error, 'claim the upload', directory)
  }
}

async function take(session: Session, directory: string, id: string): Promise<UploadHold | undefined> {
  const { context } = session
  const read = readUpload(context, directory, id)
  if (read.state === 'refused') throw read.cause ?? uploadCorrupt(read.why, directory) // it may be a link
  const names = namesIn(context.fs, directory)
  undoPublishings(context.fs, directory, names)
  removeDrafts(context, directory, names)
  if (names.includes(WANTED)) context.fs.unlinkSync(inside(directory, WANTED))
  const state = stateIn(names)
  if (read.state === 'missing' || state === undefined) {
    if (read.state === 'missing' && names.includes(UPLOAD_RECORD))
      throw uploadCorrupt('it is listed and cannot be opened', directory)
    return deactivate(session, directory, id)
  }
  const settled = state.done ? state : await settle(session, directory, read.record, state)
  if (settled === undefined) return deactivate(session, directory, id)
  log.upload('claimed %s at %d', id, settled.offset)
  return new UploadHold(session, directory, read.record, settled)
}

/**
 * Corrects the state after a writer that did not give the upload back itself. In the same boot the kernel has every byte
 * that was written, so the file's size counts; after another boot the last checkpoint counts. Undefined: bytes that were
 * on the disk are missing, so the upload cannot continue.
 */
async function settle(
  session: Session,
  directory: string,
  record: UploadRecord,
  state: UploadState,
): Promise<UploadState | undefined> {
  const { context } = session
  const { fs, native } = context
  const path = inside(inside(directory, DATA), record.name)
  const size = sizeOf(session, path)
  if (size === undefined) {
    return settlePublished(session, directory, record, state)
  }
  if (existsAt(fs, inside(directory, UPLOAD_RESULT))) fs.unlinkSync(inside(directory, UPLOAD_RESULT))
  const trusted = state.boot !== undefined && state.boot !== 'unknown' && state.boot === bootMark(native)
  const offset = trusted ? size : state.offset
  if (size < state.offset) return undefined
  if (size === offset && state.boot === undefined) return state
  const fd = await open(fs, path, constants.O_RDWR | (constants.O_NOFOLLOW ?? 0), 0)
  try {
    if (size > offset) fs.ftruncateSync(fd, offset)
    if (record.durable) await sync(fs, fd)
  } finally {
    await close(fs, fd)
  }
  fs.renameSync(inside(directory, state.name), inside(directory, atName(offset)))
  if (record.durable) await syncDirectory(fs, directory)
  return readState(context, directory)
}

/** The data is missing: it was published and the writer died before it noted that, or it is lost. */
function settlePublished(
  { context }: Session,
  directory: string,
  { name }: UploadRecord,
  state: UploadState,
): UploadState | undefined {
  const { fs } = context
  if (namesIn(fs, inside(directory, DATA)).includes(name))
    throw uploadCorrupt('its data is listed and cannot be opened', directory)
  const result = readResult(context, directory)
  if (result === undefined) return undefined
  fs.renameSync(inside(directory, state.name), inside(directory, doneName(result.bytes)))
  return readState(context, directory)
}

/** Part of its state is lost: it must not be continued. */
function deactivate(session: Session, directory: string, id: string): undefined {
  const { fs } = session.context
  const gone = inside(session.path, goneName(id))
  session.claimed.delete(id)
  if (renameIfThere(fs, directory, gone)) removeTreeSync(fs, gone)
  log.upload('%s has lost part of its state; removed', id)
  if (channels.upload.hasSubscribers) channels.upload.publish({ id, event: 'lost' })
  return undefined
}

function sizeOf({ context }: Session, path: string): number | undefined {
  const stats = findSync(context.fs, path)
  return stats?.isFile() === true ? stats.size : undefined
}

/** After a failed claim; a failure of this is only logged, and the sweep gives it back. */
function putBack({ context }: Session, directory: string, id: string): void {
  try {
    renameInto(context.fs, directory, inside(context.layout.uploads, id))
  } catch (error) {
    log.upload('could not give %s back: %s', id, errnoOf(error))
  }
}
