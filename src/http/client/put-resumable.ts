// Sends a file so that an interruption costs only what was not yet acknowledged: by the IETF draft for resumable uploads
// (interop version 8), or by tus 1.0 where the server speaks that. Guarantee: bytes that the server has acknowledged are
// not sent again, also after a restart of this process; a server that speaks neither gets one ordinary request.
//   1. an upload of this file to this URL is remembered: ask for its offset
//   2. otherwise ask with OPTIONS which protocol the server speaks; create the upload, remember its URL
//   3. send from the offset; after an interruption wait and go on with 1

import { TempFileError } from '../../errors.ts'
import { log } from '../../runtime/observe.ts'
import { type PieceReply, sendPiece } from './put-piece.ts'
import type { Upload } from './put-plan.ts'
import { backOff, isTransient, requestedDelay } from './retry-transfer.ts'
import type { RemoteUpload, SavedUpload } from './saved-upload.ts'
import { uploadLimits } from './upload-limits.ts'

const INTEROP = { 'upload-draft-interop-version': '8' }
const TUS = { 'tus-resumable': '1.0.0' }

interface Run {
  readonly upload: Upload
  readonly saved: SavedUpload
  readonly onSent: (bytes: number) => void
  remote: RemoteUpload | undefined
  /** The server's limit for the bytes of one request. */
  most: number
}

/** Sends the file and returns the server's answer to the last byte. */
export async function putResumable(
  upload: Upload,
  saved: SavedUpload,
  onSent: (bytes: number) => void,
): Promise<PieceReply> {
  const run: Run = { upload, saved, onSent, remote: await saved.load(), most: Number.POSITIVE_INFINITY }
  for (let failures = 0; ; ) {
    const before = upload.confirmed
    try {
      const reply = await (run.remote === undefined ? start(run) : resume(run, run.remote))
      await saved.forget()
      return reply
    } catch (error) {
      failures = upload.confirmed > before ? 1 : failures + 1
      if (error instanceof Restart) await restart(run, error, failures)
      else await waitAfter(run, error, failures)
    }
  }
}

/** Prepares a new upload. @throws why the server ended this one, after too many failures */
async function restart(run: Run, { cause }: Restart, failures: number): Promise<void> {
  await run.saved.forget()
  run.remote = undefined
  run.upload.confirmed = 0
  if (failures > run.upload.retries) throw cause
}

/** Waits until the next attempt. @throws the error that no further attempt can help */
async function waitAfter({ upload }: Run, error: unknown, failures: number): Promise<void> {
  const again = isTransient(error) || isConflict(error)
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
  const whole = headers['upload-limit'] === undefined || total === 0
  const reply = await send(run, run.upload.target, whole ? total : 0, {
    method: run.upload.method,
    headers: {
      ...INTEROP,
      ...run.upload.headers,
      'upload-complete': whole ? '?1' : '?0',
      'upload-length': String(total),
    },
  })
  if (whole) return reply
  const { location } = reply.headers
  if (location === undefined) throw refused(reply)
  const remote = await remember(run, 'draft', location)
  await obeyOrCancel(run, remote, reply)
  return await appendAll(run, remote)
}

/** Takes the limits of a response. @throws ERR_TEMP_UPLOAD_FAILED with the status 413 when the file can never fit */
function obey(run: Run, headers: PieceReply['headers']): void {
  const limits = uploadLimits(headers['upload-limit'])
  run.most = Math.max(1, limits['max-append-size'] ?? run.most)
  const most = limits['max-size']
  if (most !== undefined && most < run.upload.total)
    throw new TempFileError('ERR_TEMP_UPLOAD_FAILED', `The server accepts ${most} bytes at most.`, {
      details: { status: 413 },
    })
}

/** As {@link obey}; an upload that can never be finished is cancelled, as section 4.1.4 asks. */
async function obeyOrCancel(run: Run, remote: RemoteUpload, { headers }: PieceReply): Promise<void> {
  try {
    obey(run, headers)
  } catch (error) {
    await ask(run, 'DELETE', new URL(remote.url), remote.protocol === 'tus' ? TUS : INTEROP)
    await run.saved.forget()
    throw error
  }
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

/** Asks for the server's offset, and continues from there. */
async function resume(run: Run, remote: RemoteUpload): Promise<PieceReply> {
  const { upload } = run
  const reply = await ask(run, 'HEAD', new URL(remote.url), remote.protocol === 'tus' ? TUS : INTEROP)
  if ([403, 404, 410].includes(reply.status))
    throw new Restart('the upload is gone', { cause: refused(reply) })
  const offset = Number(reply.headers['upload-offset'])
  if (reply.status >= 300 || !Number.isSafeInteger(offset)) throw refused(reply)
  if (offset > upload.total) {
    await ask(run, 'DELETE', new URL(remote.url), remote.protocol === 'tus' ? TUS : INTEROP)
    throw new Restart('the server has more than this file', { cause: refused(reply) })
  }
  await obeyOrCancel(run, remote, reply)
  upload.confirmed = offset
  if (remote.protocol === 'tus' && offset === upload.total) return reply
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
    if (last) return reply
  }
}

/** Sends the bytes from the confirmed offset to `end`. @throws ERR_TEMP_UPLOAD_FAILED for an answer other than 2xx */
async function send(
  run: Run,
  target: URL,
  end: number,
  { method, headers }: { method: string; headers: Readonly<Record<string, string>> },
): Promise<PieceReply> {
  const { upload, onSent } = run
  upload.sent = upload.confirmed
  const reply = await sendPiece({
    ...upload,
    target,
    method,
    headers,
    start: upload.confirmed,
    end,
    total: undefined,
    onBytes: (bytes) => {
      upload.sent += bytes
      onSent(upload.sent)
    },
    onInformation: (status, sent) => {
      // A response of another version does not concern this upload.
      if (status !== 104 || sent['upload-draft-interop-version'] !== '8') return
      if (sent.location !== undefined) void remember(run, 'draft', sent.location).catch(() => {})
      const offset = Number(sent['upload-offset'])
      if (Number.isSafeInteger(offset) && offset > upload.confirmed && run.remote !== undefined)
        upload.acknowledged = offset
    },
  })
  if (reply.status < 200 || reply.status >= 300) throw refused(reply)
  return reply
}

function ask(
  { upload }: Run,
  method: string,
  target: URL,
  headers: Readonly<Record<string, string>> = {},
): Promise<PieceReply> {
  const { 'content-type': _, ...own } = upload.headers
  return sendPiece({
    ...upload,
    target,
    method,
    headers: { ...own, ...headers },
    start: 0,
    end: 0,
    total: undefined,
    onBytes: () => {},
  })
}

async function remember(
  run: Run,
  protocol: RemoteUpload['protocol'],
  location: string,
): Promise<RemoteUpload> {
  const { href: url, origin } = new URL(location, run.upload.target)
  if (origin !== run.upload.target.origin)
    throw new TempFileError(
      'ERR_TEMP_UPLOAD_FAILED',
      'The server sent the upload to another origin, where it is not sent.',
    )
  if (run.remote?.url === url) return run.remote
  run.remote = { protocol, url }
  await run.saved.save(run.remote)
  return run.remote
}

/** For the server an earlier request may not have ended yet: ask for the offset again. */
function isConflict(error: unknown): boolean {
  const status = error instanceof TempFileError ? error.details?.['status'] : undefined
  return status === 409 || status === 423
}

function refused({ status }: PieceReply): TempFileError {
  return new TempFileError('ERR_TEMP_UPLOAD_FAILED', `The server answered with status ${status}.`, {
    details: { status },
  })
}
