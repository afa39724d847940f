// Sends a file so that an interruption costs only what was not yet acknowledged: by the IETF draft for resumable uploads
// (interop version 8), or by tus 1.0 where the server speaks that. Guarantee: bytes that the server has acknowledged are
// not sent again, also after a restart of this process; a server that speaks neither gets one ordinary request.
//   1. an upload of this file to this URL is remembered: ask for its offset
//   2. otherwise ask with OPTIONS which protocol the server speaks; create the upload, remember its URL
//   3. send from the offset; after an interruption wait and continue with 1, after a 413 with smaller requests

import { TempFileError } from '../../errors.ts'
import { log } from '../../runtime/observe.ts'
import type { PieceReply } from './put-piece.ts'
import type { Upload } from './put-plan.ts'
import { backOff, isTransient, requestedDelay } from './retry-transfer.ts'
import type { RemoteUpload, SavedUpload } from './saved-upload.ts'
import { booleanField, integerField } from './upload-fields.ts'
import {
  ask,
  cancel,
  Ended,
  fieldOf,
  INTEROP,
  obey,
  type Run,
  refused,
  remember,
  send,
  TooLarge,
  TUS,
  versionOf,
} from './upload-requests.ts'

/** Sends the file and returns the server's answer to the last byte. */
export async function putResumable(
  upload: Upload,
  saved: SavedUpload,
  onSent: (bytes: number) => void,
): Promise<PieceReply> {
  const run: Run = {
    upload,
    saved,
    onSent,
    remote: await saved.load(),
    limits: {},
    most: Number.POSITIVE_INFINITY,
    careful: false,
    deadline: Number.POSITIVE_INFINITY,
  }
  for (let failures = 0; ; ) {
    const before = upload.confirmed
    try {
      const reply = await (run.remote === undefined ? start(run) : resume(run, run.remote))
      await saved.forget()
      return reply
    } catch (error) {
      if (error instanceof TooLarge) continue // each is smaller than the one before
      failures = upload.confirmed > before ? 1 : failures + 1
      await recover(run, error, failures)
    }
  }
}

/** Prepares the next attempt. @throws the error that no further attempt can help */
async function recover(run: Run, error: unknown, failures: number): Promise<void> {
  if (error instanceof Ended) {
    await (error.cancel ? cancel(run) : run.saved.forget())
    throw error.cause
  }
  if (error instanceof Restart) await restart(run, error, failures)
  else await waitAfter(run, error, failures)
}

/** Prepares a new upload. @throws why the server ended this one, after too many failures */
async function restart(run: Run, { cause }: Restart, failures: number): Promise<void> {
  await run.saved.forget()
  run.remote = undefined
  run.limits = {}
  run.upload.confirmed = 0
  if (failures > run.upload.retries) throw cause
}

/** Waits until the next attempt. @throws the error that no further attempt can help */
async function waitAfter({ upload, saved }: Run, error: unknown, failures: number): Promise<void> {
  const again = isTransient(error) || isConflict(error)
  if (!again && isFinal(error)) await saved.forget()
  if (failures > upload.retries || upload.signal.aborted || !again) throw error
  await backOff(Math.max(upload.retryDelayMs * 2 ** (failures - 1), requestedDelay(error)), upload.signal)
  log.http('continuing an upload, attempt %d: %O', failures + 1, error)
}

/** The server does not know the upload: a new one is needed. */
class Restart extends Error {}

async function start(run: Run): Promise<PieceReply> {
  const { headers } = await ask(run, 'OPTIONS', run.upload.target, INTEROP)
  if (headers['tus-version'] !== undefined || headers['tus-resumable'] !== undefined)
    return await startTus(run)
  const { total } = run.upload
  obey(run, headers)
  // A server that announces limits knows the draft: an empty creation gives the upload's URL before any byte is at risk.
  const knowsDraft = run.careful || headers['upload-limit'] !== undefined
  const whole = !knowsDraft || total === 0
  const reply = await send(run, run.upload.target, whole ? total : 0, {
    method: run.upload.method,
    headers: {
      ...INTEROP,
      ...run.upload.headers,
      'upload-complete': whole ? '?1' : '?0',
      'upload-length': String(total),
    },
  })
  if (whole || isComplete(reply)) return reply
  const { location } = reply.headers
  if (location === undefined) throw refused(reply)
  const remote = await remember(run, 'draft', location)
  obey(run, reply.headers)
  return await appendAll(run, remote)
}

async function startTus(run: Run): Promise<PieceReply> {
  const { target, total, headers } = run.upload
  const metadata = `filetype ${Buffer.from(headers['content-type'] ?? '').toString('base64')}`
  const { 'content-type': _, ...others } = headers
  const reply = await send(run, target, 0, {
    method: 'POST',
    headers: { ...TUS, ...others, 'upload-length': String(total), 'upload-metadata': metadata },
  })
  const { location } = reply.headers
  if (location === undefined) throw refused(reply)
  const remote = await remember(run, 'tus', location)
  return total === 0 ? reply : await appendAll(run, remote)
}

/**
 * Asks for the offset, and continues from there. If the server has all bytes, an empty request ends the upload: the
 * server may have died before it finished it, and the answer to the last byte is the result.
 */
async function resume(run: Run, remote: RemoteUpload): Promise<PieceReply> {
  const { upload } = run
  if (performance.now() > run.deadline) throw new Restart('the upload has expired', { cause: expired() })
  const reply = await ask(run, 'HEAD', new URL(remote.url), versionOf(remote))
  if ([403, 404, 410].includes(reply.status))
    throw new Restart('the upload is gone', { cause: refused(reply) })
  const offset = integerField(fieldOf(reply, 'upload-offset'))
  if (reply.status >= 300 || offset === undefined) throw refused(reply)
  if (offset > upload.total) {
    await cancel(run)
    throw new Restart('the server has more than this file', { cause: refused(reply) })
  }
  obey(run, reply.headers)
  upload.confirmed = offset
  return await appendAll(run, remote)
}

async function appendAll(run: Run, remote: RemoteUpload): Promise<PieceReply> {
  const { upload } = run
  for (;;) {
    const end = Math.min(upload.total, upload.confirmed + run.most)
    const last = end === upload.total
    const headers =
      remote.protocol === 'tus'
        ? { ...TUS, 'content-type': 'application/offset+octet-stream' }
        : { ...INTEROP, 'content-type': 'application/partial-upload', 'upload-complete': last ? '?1' : '?0' }
    const { 'content-type': _, ...own } = upload.headers
    const reply = await send(run, new URL(remote.url), end, {
      method: 'PATCH',
      headers: { ...own, ...headers, 'upload-offset': String(upload.confirmed) },
    })
    upload.confirmed = end
    if (last || isComplete(reply)) return reply
    obey(run, reply.headers)
  }
}

/** The server may still process an earlier request: the offset is asked for again. */
function isConflict(error: unknown): boolean {
  const status = error instanceof TempFileError ? error.details?.['status'] : undefined
  return status === 409 || status === 423
}

/** The server's answer rules out that a later call continues the upload; with other credentials (401, 407) it may. */
function isFinal(error: unknown): boolean {
  const status = error instanceof TempFileError ? error.details?.['status'] : undefined
  return status !== undefined && status !== 401 && status !== 407
}

/** The response is that of the resource itself, which needs no more bytes. */
function isComplete(reply: PieceReply): boolean {
  return booleanField(fieldOf(reply, 'upload-complete')) === true
}

function expired(): TempFileError {
  return new TempFileError(
    'ERR_TEMP_UPLOAD_FAILED',
    'The time that the server gives the upload is over. Send the file again.',
  )
}
