// Receives a raw request body, a PUT of one file. Promise: as of a form: the whole file or nothing, and the
// client gets to read the answer.

import type { FileRules, ReceivedFile, Size } from '../../index.ts'
import { abortError, onAbort } from '../../runtime/abort.ts'
import { log } from '../../runtime/observe.ts'
import type { Progress } from '../../types.ts'
import { formInvalid } from './form-rules.ts'
import { fileNameOfDisposition } from './part-header.ts'
import { type HttpRequest, isNodeRequest, openBody, type RequestBody } from './request-body.ts'
import {
  asUploaded,
  type Owner,
  originalNameOf,
  ownerSignal,
  suffixOf,
  type UploadedFile,
} from './uploaded-file.ts'

/** What a raw body may be. */
export interface BodyRules {
  /** What the file must be, for example `fileRules.pdf`. Default: anything. */
  readonly accept?: FileRules | undefined
  /** The most bytes; default: the manager's `limits.fileBytes`. */
  readonly maxBytes?: Size | undefined
  /** The client's name for the file, where your URL says it; default: that of Content-Disposition. Only shown, never a path. */
  readonly fileName?: string | undefined
  /** A digest to compute on the way. */
  readonly hash?: 'sha256' | (string & {}) | undefined
  /** The beginning of the file's name on disk; default: the manager's `prefix`. */
  readonly prefix?: string | undefined
  /** Aborting it ends the upload with ERR_TEMP_ABORTED. */
  readonly signal?: AbortSignal | undefined
  /** Called at most ten times a second, and once more at the end. */
  readonly onProgress?: ((progress: Progress) => void) | undefined
}

/**
 * Receives the raw body of a PUT or POST as one file. The bytes are stored as sent (a Content-Encoding is not
 * undone). A Content-Length that is over the limit is refused before the first byte.
 *
 * @throws ERR_TEMP_FORM_INVALID (it is a form: use receiveForm), ERR_TEMP_TOO_LARGE, ERR_TEMP_TOO_SMALL,
 * ERR_TEMP_TYPE_REJECTED, ERR_TEMP_TRUNCATED, ERR_TEMP_ABORTED, ERR_TEMP_TIMEOUT, ERR_TEMP_NO_SPACE,
 * ERR_TEMP_QUOTA, ERR_TEMP_IO, ERR_TEMP_CLOSED, ERR_TEMP_OPTION_INVALID (a bad rule; the body was read before)
 * @example
 * ```ts
 * import { once } from 'node:events'
 * import { createServer } from 'node:http'
 * import { getTempManager } from 'temp-file-manager'
 * import { receiveBody } from 'temp-file-manager/http'
 *
 * const server = createServer(async (req, res) => {
 *   await using file = await receiveBody(req, getTempManager(), { maxBytes: '1gb', hash: 'sha256' })
 *   res.end(`${file.bytes} bytes, sha256 ${file.digest}`)
 * }).listen(0, '127.0.0.1')
 * await once(server, 'listening')
 * const address = server.address()
 * if (address !== null && typeof address === 'object') {
 *   const response = await fetch(`http://127.0.0.1:${address.port}`, { method: 'PUT', body: 'hello' })
 *   console.log(await response.text()) // 5 bytes, sha256 2cf24d...
 * }
 * server.close()
 * ```
 */
export async function receiveBody(
  request: HttpRequest,
  owner: Owner,
  rules: BodyRules = {},
): Promise<UploadedFile> {
  const body = openBody(request)
  const stop = new AbortController()
  const detach = onAbort([rules.signal, ownerSignal(owner)], ({ reason }) => stop.abort(abortError(reason)))
  try {
    const file = await store(request, body, owner, rules, stop.signal)
    log.http('a body of %d bytes received', file.bytes)
    return file
  } catch (error) {
    const reason: unknown = stop.signal.aborted ? stop.signal.reason : error
    body.abandon(reason as Error) // a TempFileError, or what inspect or onProgress throw
    log.http('a body refused: %O', reason)
    throw reason
  } finally {
    detach()
  }
}

async function store(
  request: HttpRequest,
  body: RequestBody,
  owner: Owner,
  rules: BodyRules,
  signal: AbortSignal,
): Promise<UploadedFile> {
  const declaredType = body.header('content-type')?.split(';', 1)[0]?.trim().toLowerCase() || undefined
  if (declaredType === 'multipart/form-data') {
    throw formInvalid(
      'The request is a form, not a raw file. Send the file as the body itself, or to where forms are received.',
    )
  }
  const given = rules.fileName ?? fileNameOfDisposition(body.header('content-disposition') ?? '')
  const originalName = originalNameOf(given)
  const { accept, maxBytes, hash, prefix, onProgress } = rules
  // The request itself, not an iterable of its chunks: flowing mode is a tenth faster.
  const source = isNodeRequest(request) ? request : chunksOf(body)
  const file: ReceivedFile = await owner.receive(source, {
    suffix: suffixOf(originalName),
    prefix,
    ...(accept === undefined ? {} : { accept }),
    maxBytes,
    hash,
    signal,
    onProgress,
    expectedBytes: body.length,
    keepSource: true,
    declared: { name: given === undefined ? undefined : originalName, type: declaredType },
  })
  return asUploaded(file, { fieldName: '', originalName, declaredType })
}

/** A body of the Fetch API as an iterable, so that a failure leaves it to us: cancelling it can close the connection. */
async function* chunksOf(body: RequestBody): AsyncGenerator<Uint8Array> {
  let held: Uint8Array | undefined
  let over: { readonly error?: unknown } | undefined
  let wake = (): void => {}
  const whole = body.read((chunk) => {
    held = chunk
    wake()
    return false
  })
  whole.then(
    () => {
      over = {}
      wake()
    },
    (error: unknown) => {
      over = { error }
      wake()
    },
  )
  for (;;) {
    if (held !== undefined) {
      const chunk = held
      held = undefined
      yield chunk
      body.resume()
    } else if (over !== undefined) {
      if ('error' in over) throw over.error
      return
    } else {
      await new Promise<void>((resolve) => (wake = resolve))
    }
  }
}
