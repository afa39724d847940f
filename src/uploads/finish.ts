// The end of an upload: checked whole, then published as a handoff. Guarantee: one upload gives one ticket, however often
// its last request is repeated and wherever a process dies; a refused file is deleted and never published.
//   1. length, size, type, digest, validate            refused: the upload is deleted
//   2. write done.json with the ticket to be           (durable: synced)
//   3. publish data/<name> as handoffs/<ticket>        the commit
//   4. rename the state to done-<bytes>                a crash before it: claiming finds no data, and does it then

import { syncDirectory } from '../disk/sync.ts'
import { ioError, isTempFileError } from '../errors.ts'
import { checkDeclared, checkHead } from '../file-types/check-type.ts'
import { publish } from '../handoff/publish.ts'
import { randomText, TICKET_BYTES } from '../layout.ts'
import { channels, log } from '../runtime/observe.ts'
import { tooSmall } from '../streams/receive-options.ts'
import { validateInPlace } from '../temps/check-file.ts'
import type { Json } from '../types.ts'
import { declaredOf, readHead } from './early-head.ts'
import { readResult, type UploadResult, writeResult } from './finished.ts'
import type { UploadHold } from './hold.ts'
import { checkMostBytes, type PreparedUploadRules } from './rules.ts'
import { digestMismatch, missingBytes, uploadGone } from './upload-errors.ts'

/** The rules of a finish, and what ends the wait for `validate`. */
export interface PreparedFinish extends PreparedUploadRules {
  readonly signals: readonly AbortSignal[]
}

/** Finishes the upload, or returns the result of an earlier finish. */
export async function finish(hold: UploadHold, rules: PreparedFinish): Promise<UploadResult> {
  hold.requireHeld()
  const { context } = hold.session
  if (hold.state.done) {
    const result = readResult(context, hold.directory)
    if (result === undefined) throw uploadGone()
    return result
  }
  const bytes = hold.position
  if (hold.length !== undefined && bytes !== hold.length) throw missingBytes(bytes, hold.length)
  let checked: Pick<UploadResult, 'digests' | 'detectedType'>
  try {
    checked = await check(hold, rules, bytes)
  } catch (error) {
    const disk = isTempFileError(error) && error.status >= 500
    const stopped = rules.signals.some(({ aborted }) => aborted)
    if (!disk && !stopped) await hold.discard() // else the file is not refused: try again later
    throw error
  }
  const result = { ticket: randomText(TICKET_BYTES), bytes, ...checked }
  try {
    await commit(hold, result)
  } catch (error) {
    throw ioError(error, 'finish the upload', hold.path)
  }
  return result
}

async function check(
  hold: UploadHold,
  rules: PreparedFinish,
  bytes: number,
): Promise<Pick<UploadResult, 'digests' | 'detectedType'>> {
  checkMostBytes(bytes, rules, hold.session.quota)
  if (bytes < rules.minBytes) throw tooSmall(bytes, rules.minBytes)
  const inspected = await inspect(hold, rules, bytes).catch((error: unknown) => {
    throw ioError(error, 'read the upload', hold.path)
  })
  const { digests } = inspected
  const wrong = hold.record.expectedDigests.find(({ algorithm, value }) => digests[algorithm] !== value)
  if (wrong !== undefined) throw digestMismatch(wrong.algorithm, 'the whole file')
  const validate = rules.file?.validate
  if (validate !== undefined)
    await validateInPlace(
      hold.session,
      { path: hold.path, workshop: hold.directory, bytes },
      validate,
      rules.signals,
    )
  return inspected
}

/** Reads what is to be known of the bytes. @throws (rejects) ERR_TEMP_TYPE_REJECTED, and the system's error */
async function inspect(
  hold: UploadHold,
  { file }: PreparedUploadRules,
  bytes: number,
): Promise<Pick<UploadResult, 'digests' | 'detectedType'>> {
  const { fs } = hold.session.context
  let detectedType: string | undefined
  if (file !== undefined) {
    checkDeclared(file, declaredOf(hold))
    detectedType = await checkHead(file, declaredOf(hold), await readHead(fs, hold.path, bytes))
  }
  return { detectedType, digests: await hold.digest.finish(fs, hold.path, bytes) }
}

async function commit(hold: UploadHold, result: UploadResult): Promise<void> {
  const { session, directory, record, path } = hold
  const { context } = session
  const { durable, name } = record
  await writeResult(context, directory, result, durable)
  const { ticket } = result
  const meta = metaOf(hold, result)
  await publish(session, { kind: 'file', path, name, ticket }, directory, { durable, meta })
  hold.markDone(result.bytes)
  if (durable) await syncDirectory(context.fs, directory)
  log.upload('finished %s as %s', hold.id, ticket)
  if (channels.upload.hasSubscribers)
    channels.upload.publish({ id: hold.id, event: 'finished', ticket, bytes: result.bytes })
}

/** The `meta` that the claimant gets: the facts of the file if the creator gave none. */
function metaOf({ record }: UploadHold, { bytes, digests, detectedType }: UploadResult): Json {
  if (record.meta !== undefined) return record.meta as Json // it is a result of JSON.parse
  const { originalName, type, hash } = record
  const digest = hash === undefined ? undefined : digests[hash]
  return { originalName, type, detectedType, bytes, digest }
}
