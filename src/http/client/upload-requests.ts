// The requests of a resumable upload, and the facts of their responses. Guarantee: the limits of every response, interim ones
// too, hold for all that follows (section 4.1.4 of the draft); a response of another interop version is ignored.

import type { IncomingHttpHeaders } from 'node:http'
import { TempFileError } from '../../errors.ts'
import { type PieceReply, sendPiece } from './put-piece.ts'
import type { Upload } from './put-plan.ts'
import type { RemoteUpload, SavedUpload } from './saved-upload.ts'
import {
  booleanField,
  INTEROP_VERSION,
  integerField,
  type UploadLimits,
  uploadLimits,
} from './upload-fields.ts'

export const INTEROP = { 'upload-draft-interop-version': INTEROP_VERSION }
export const TUS = { 'tus-resumable': '1.0.0' }

/** How much later the end of an upload must be before it is saved again. */
const LATER_MS = 10_000

/** One call of putFile, with what the server has announced so far. */
export interface Run {
  readonly upload: Upload
  readonly saved: SavedUpload
  readonly onSent: (bytes: number) => void
  remote: RemoteUpload | undefined
  limits: UploadLimits
  /** The most bytes of one request: max-append-size, or less after a 413. */
  most: number
  /** The upload is created without content, as the server knows the draft. */
  careful: boolean
  /** When the server may remove the upload, by performance.now(). */
  deadline: number
}

interface Request {
  readonly method: string
  readonly headers: Readonly<Record<string, string>>
}

/** The upload is over; its cause is the reason. `cancel`: the server is asked to delete it. */
export class Ended extends Error {
  readonly cancel: boolean

  constructor(cause: unknown, cancel: boolean) {
    super('the upload is over', { cause })
    this.cancel = cancel
  }
}

/** The request was too large: the upload continues with smaller ones. */
export class TooLarge extends Error {}

/** Sends the bytes from the confirmed offset to `end`. @throws ERR_TEMP_UPLOAD_FAILED for an answer other than 2xx; Ended; TooLarge */
export async function send(
  run: Run,
  target: URL,
  end: number,
  { method, headers }: Request,
): Promise<PieceReply> {
  const { upload, onSent } = run
  const start = upload.confirmed
  upload.sent = start
  const interim: Interim = { bytes: end - start, created: undefined }
  const reply = await sendPiece({
    ...upload,
    target,
    method,
    headers,
    start,
    end,
    total: undefined,
    onBytes: (bytes) => {
      upload.sent += bytes
      onSent(upload.sent)
    },
    onInformation: (status, sent) => {
      if (status === 104 && sent['upload-draft-interop-version'] === INTEROP_VERSION)
        inform(run, interim, sent)
    },
  })
  const { status } = reply
  if (status < 200 || status >= 300) {
    if (booleanField(fieldOf(reply, 'upload-complete')) === true) throw new Ended(refused(reply), false)
    throw status === 413 ? await shrink(run, interim.bytes, reply) : refused(reply)
  }
  if (booleanField(fieldOf(reply, 'upload-complete')) !== true)
    sameLocation(run, interim, reply.headers.location)
  return reply
}

/** Sends a request without content. */
export function ask(
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

/** Asks the server to delete the upload, and forgets it. */
export async function cancel(run: Run): Promise<void> {
  const { remote, saved } = run
  await saved.forget()
  if (remote !== undefined) await ask(run, 'DELETE', new URL(remote.url), versionOf(remote))
}

/** The header field that names the protocol of a request. */
export function versionOf({ protocol }: RemoteUpload): Readonly<Record<string, string>> {
  return protocol === 'tus' ? TUS : INTEROP
}

/** Takes the limits of a response. @throws Ended, with ERR_TEMP_UPLOAD_FAILED and the status 413, when the file can never fit */
export function obey(run: Run, headers: IncomingHttpHeaders): void {
  const announced = uploadLimits(headers['upload-limit'])
  run.limits = { ...run.limits, ...announced }
  run.most = Math.max(1, Math.min(announced['max-append-size'] ?? run.most, run.most))
  const age = announced['max-age']
  if (age !== undefined && run.remote !== undefined) extend(run, run.remote, age * 1000)
  const most = run.limits['max-size']
  if (most === undefined || most >= run.upload.total) return
  throw new Ended(
    new TempFileError('ERR_TEMP_UPLOAD_FAILED', `The server accepts ${most} bytes at most.`, {
      details: { status: 413 },
    }),
    true,
  )
}

/** Keeps the upload's address for later attempts, also those of another process. @throws ERR_TEMP_UPLOAD_FAILED */
export async function remember(
  run: Run,
  protocol: RemoteUpload['protocol'],
  location: string,
): Promise<RemoteUpload> {
  const { href: url, origin } = new URL(location, run.upload.target)
  if (origin !== run.upload.target.origin)
    throw new TempFileError(
      'ERR_TEMP_UPLOAD_FAILED',
      'The server named an address of another origin for the upload. Nothing is sent there.',
    )
  if (run.remote?.url === url) return run.remote
  run.remote = { protocol, url }
  run.deadline = Number.POSITIVE_INFINITY
  await run.saved.save(run.remote)
  return run.remote
}

export function refused({ status }: PieceReply): TempFileError {
  return new TempFileError('ERR_TEMP_UPLOAD_FAILED', `The server answered with status ${status}.`, {
    details: { status },
  })
}

/** A field of a response, as one string. */
export function fieldOf({ headers }: Pick<PieceReply, 'headers'>, name: string): string | undefined {
  return headers[name]?.toString()
}

/** The state that the interim responses of one request have announced. */
interface Interim {
  readonly bytes: number
  created: string | undefined
}

function inform(run: Run, interim: Interim, headers: IncomingHttpHeaders): void {
  const { upload } = run
  const { location } = headers
  if (location !== undefined) {
    sameLocation(run, interim, location)
    interim.created = location
    void remember(run, 'draft', location).catch(() => {}) // of another origin: not used
  }
  obey(run, headers)
  if (interim.bytes > run.most && run.remote !== undefined) throw new TooLarge('max-append-size')
  const offset = integerField(headers['upload-offset']?.toString())
  if (offset !== undefined && offset > upload.confirmed && run.remote !== undefined)
    upload.acknowledged = offset
}

/** Section 4.2.2: all responses to one request have one Location. @throws Ended */
function sameLocation({ upload }: Run, { created }: Interim, location: string | undefined): void {
  if (created === undefined || location === undefined) return
  if (new URL(created, upload.target).href === new URL(location, upload.target).href) return
  const message = 'The server named two addresses for one upload. It was cancelled.'
  throw new Ended(new TempFileError('ERR_TEMP_UPLOAD_FAILED', message), true)
}

/** After a 413: the size for the next request is the announced limit, or half of this one. Returns what to throw. */
async function shrink(run: Run, bytes: number, reply: PieceReply): Promise<unknown> {
  const cause = refused(reply)
  const knowsDraft = run.remote?.protocol === 'draft' || 'upload-complete' in reply.headers
  if (!knowsDraft && !('upload-limit' in reply.headers)) return cause
  const { headers } =
    'upload-limit' in reply.headers ? reply : await ask(run, 'OPTIONS', run.upload.target, INTEROP)
  obey(run, headers)
  const { 'min-append-size': least = 1 } = run.limits
  const half = Math.floor(bytes / 2)
  const next = run.most < bytes ? run.most : half
  if (bytes <= Math.max(1, least)) return cause
  run.most = Math.max(next, least)
  run.careful = true
  return new TooLarge('413', { cause })
}

function extend(run: Run, remote: RemoteUpload, leftMs: number): void {
  run.deadline = performance.now() + leftMs
  const until = Date.now() + leftMs
  if (remote.until !== undefined && Math.abs(until - remote.until) < LATER_MS) return
  run.remote = { ...remote, until }
  void run.saved.save(run.remote)
}
