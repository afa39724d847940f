// Creating a partial upload. Guarantee: it is built in its creator's claims, where its length is a reservation that every
// process sees; it is admitted by the rename of its state file, or withdrawn.
//   1. claims/<id>/ with data/<name> and upload.json       the reservation
//   2. look at all that is promised to others              no room: withdraw
//   3. create the state file at-0, sync                    admitted

import { hostname } from 'node:os'
import { setTimeout as pause } from 'node:timers/promises'
import { UPLOAD_VERSION, type UploadRecord } from '../claimable/upload-record.ts'
import { atName, createMark, readState } from '../claimable/upload-state.ts'
import { createEmpty } from '../disk/empty-file.ts'
import { existsAt, renameIfThere } from '../disk/paths.ts'
import { writeRecord } from '../disk/record-file.ts'
import { removeTreeSync } from '../disk/remove/remove.ts'
import { syncDirectory, syncDirectoryIfAllowed } from '../disk/sync.ts'
import { errnoOf, ioError, TempFileError } from '../errors.ts'
import { checkDeclared } from '../file-types/check-type.ts'
import { findClaim } from '../handoff/claim-index.ts'
import { plainExtension } from '../input/names.ts'
import { DATA, goneName, inside, newUploadId, UPLOAD_RECORD } from '../layout.ts'
import { bootTime, stampBootTime } from '../liveness/boot-clock.ts'
import { channels, log } from '../runtime/observe.ts'
import { makeRootDurable, openRoom } from '../session/root.ts'
import type { Session } from '../session/session.ts'
import { tooSmall } from '../streams/receive-options.ts'
import { UploadHold } from './hold.ts'
import { checkRoomFor, Unsettled } from './reserve.ts'
import { checkMostBytes, type PreparedCreation, type PreparedUploadRules } from './rules.ts'
import { uploadIdOf } from './upload-id.ts'

/** Tries of an admission that only another creation under way prevents. */
const TRIES = 6

/** Creates the upload and holds it. */
export async function createUpload(
  session: Session,
  { rules, record, id }: PreparedCreation,
): Promise<UploadHold> {
  const wanted = id === undefined ? newUploadId() : uploadIdOf(id)
  checkFacts(session, rules, record)
  for (let attempt = 1; ; attempt++) {
    try {
      openUploads(session)
      return await createOnce(session, wanted, { ...record, id: wanted })
    } catch (error) {
      if (!(error instanceof Unsettled)) throw ioError(error, 'create the upload', session.claims)
      if (attempt === TRIES) throw error.refusal
    }
    await pause(Math.random() * 10 * attempt)
  }
}

/** Refuses a file that its declaration alone rules out. */
function checkFacts(session: Session, rules: PreparedUploadRules, record: PreparedCreation['record']): void {
  const { length, originalName, type } = record
  if (rules.file !== undefined) checkDeclared(rules.file, { name: originalName, type })
  if (length === undefined) return
  checkMostBytes(length, rules, session.quota)
  if (length < rules.minBytes) throw tooSmall(length, rules.minBytes)
}

async function createOnce(
  session: Session,
  id: string,
  facts: Omit<UploadRecord, 'v' | 'name' | 'createdAt' | 'createdInBoot' | 'creator'>,
): Promise<UploadHold> {
  const { context } = session
  const { fs } = context
  const directory = inside(session.claims, id)
  const suffix = plainExtension(facts.originalName ?? '').toLowerCase()
  const record: UploadRecord = {
    ...facts,
    v: UPLOAD_VERSION,
    name: `${context.prefix}${id}${suffix}`,
    createdAt: Date.now(),
    createdInBoot: bootTime(),
    creator: { pid: process.pid, hostname: hostname() },
  }
  if (session.claimed.has(id)) throw taken()
  session.claimed.set(id, new AbortController())
  try {
    build(session, directory, record)
    if (isTakenElsewhere(session, id)) throw taken()
    await checkRoomFor(session, id, record.length ?? 0)
    createMark(context, directory, atName(0))
    stampBootTime(fs, inside(directory, atName(0)))
    if (record.durable) {
      await makeRootDurable(session.context)
      await syncDirectory(fs, inside(directory, DATA))
      for (const path of [directory, session.claims, session.path, context.layout.sessions])
        await syncDirectory(fs, path)
    }
  } catch (error) {
    session.claimed.delete(id)
    withdraw(session, directory, id)
    throw error
  }
  const state = readState(context, directory)
  if (state === undefined) throw session.lostError()
  log.upload('created %s, %d bytes to come', id, record.length ?? -1)
  if (channels.upload.hasSubscribers) channels.upload.publish({ id, event: 'created', length: record.length })
  return new UploadHold(session, directory, record, state)
}

function build(session: Session, directory: string, record: UploadRecord): void {
  const { fs } = session.context
  try {
    fs.mkdirSync(session.claims, { mode: 0o700 })
    if (session.mendsModes) fs.chmodSync(session.claims, 0o700)
  } catch (error) {
    if (errnoOf(error) !== 'EEXIST') throw error
  }
  const data = inside(directory, DATA)
  for (const path of [directory, data]) {
    try {
      fs.mkdirSync(path, { mode: 0o700 })
    } catch (error) {
      throw errnoOf(error) === 'EEXIST' ? taken() : error
    }
    if (session.mendsModes) fs.chmodSync(path, 0o700)
  }
  createEmpty(fs, inside(data, record.name), session.mendsModes)
  writeRecord(fs, inside(directory, UPLOAD_RECORD), record, { durable: record.durable })
}

/** An id that the user's protocol chose may be in use. */
function isTakenElsewhere(session: Session, id: string): boolean {
  const { context } = session
  if (existsAt(context.fs, inside(context.layout.uploads, id))) return true
  const found = findClaim(context, id)
  return found !== undefined && found.claim !== inside(session.claims, id)
}

function withdraw({ context, path }: Session, directory: string, id: string): void {
  const gone = inside(path, goneName(id))
  if (renameIfThere(context.fs, directory, gone)) removeTreeSync(context.fs, gone)
}

function taken(): TempFileError {
  return new TempFileError(
    'ERR_TEMP_EXISTS',
    'There is an upload with this id already. Continue it, or choose another id.',
  )
}

/** Creates uploads/ if it is missing, and checks it. @throws ERR_TEMP_UNSAFE_ROOT, and the system's error */
function openUploads({ context }: Session): void {
  if (openRoom(context, 'uploads')) syncDirectoryIfAllowed(context.fs, context.layout.root)
}
