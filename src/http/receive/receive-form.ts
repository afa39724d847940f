// Receives a multipart form, its files going straight to disk. Guarantee: a form is received whole or not at all; the
// first failure stops everything, removes every file of this form, and lets the client read the answer.

import { checkOwner } from '../../input/program-objects.ts'
import { abortError, onAbort } from '../../runtime/abort.ts'
import { log } from '../../runtime/observe.ts'
import { type Intake, openIntake } from '../../streams/intake.ts'
import { progressOf } from '../../streams/progress.ts'
import { isIdentity } from '../content-length.ts'
import type { Form } from './form.ts'
import { formInvalid, formTooLarge } from './form-errors.ts'
import { type FormOptions, type PreparedForm, prepareForm } from './form-options.ts'
import { FormReader } from './form-reader.ts'
import { boundaryOf } from './part-header.ts'
import { bodyOf, type HttpRequest, type RequestBody, refuseRequest } from './request-body.ts'
import { type Owner, ownerSignal } from './uploaded-file.ts'

/**
 * Receives a `multipart/form-data` request: text fields in memory, files on disk, in any order and number.
 *
 * Works with a request of node:http (Express, Fastify's `request.raw`, Koa's `ctx.req`), of node:http2's compatibility
 * API, and of the Fetch API (Hono's `c.req.raw`, a Next.js route handler's `request`). Call it before anything else
 * reads the body. If it fails, all files of this form are removed, and the rest of the request is discarded within
 * bounds (2 GiB, 30 s after your answer), so that the client can read your answer.
 *
 * There is no file size limit unless you set one: `maxFileBytes`, or the manager's `limits.fileBytes`.
 *
 * @param owner who removes the files: a scope (`manager.scope()`) for the duration of a request, or a manager.
 * @throws ERR_TEMP_FORM_INVALID (not a multipart form, a broken one, a missing or unlisted field),
 * ERR_TEMP_TOO_LARGE, ERR_TEMP_TOO_SMALL, ERR_TEMP_TYPE_REJECTED, ERR_TEMP_TRUNCATED, ERR_TEMP_ABORTED (the client or a
 * signal), ERR_TEMP_TIMEOUT, ERR_TEMP_NO_SPACE, ERR_TEMP_QUOTA, ERR_TEMP_IO, ERR_TEMP_CLOSED, ERR_TEMP_OPTION_INVALID (a
 * bad option; not a request, not an owner; the body was read before), and what `validate`, `skip` and `onProgress` throw.
 * `details` has the `option` and the `limit` that were reached, and the `field`.
 * @example
 * ```ts
 * import { once } from 'node:events'
 * import { createServer } from 'node:http'
 * import { fileRules, getTempManager, isTempFileError } from 'temp-file-manager'
 * import { receiveForm } from 'temp-file-manager/http'
 *
 * const server = createServer(async (req, res) => {
 *   try {
 *     await using form = await receiveForm(req, getTempManager(), { accept: fileRules.image, maxFileBytes: '5mb' })
 *     res.end(form.files.map((file) => `${file.originalName}: ${file.bytes} bytes`).join())
 *   } catch (error) {
 *     res.writeHead(isTempFileError(error) ? error.status : 500).end(String(error))
 *   }
 * }).listen(0, '127.0.0.1')
 * await once(server, 'listening')
 * const body = new FormData()
 * body.set('avatar', new Blob(['not a picture']), 'me.png')
 * const address = server.address()
 * if (address !== null && typeof address === 'object') {
 *   const response = await fetch(`http://127.0.0.1:${address.port}`, { method: 'POST', body })
 *   console.log(response.status) // 415
 * }
 * server.close()
 * ```
 */
export function receiveForm(
  request: HttpRequest,
  owner: Owner,
  options: FormOptions & { readonly decodeJsonParts: true },
): Promise<Form<unknown>>
export function receiveForm(request: HttpRequest, owner: Owner, options?: FormOptions): Promise<Form>
export async function receiveForm(
  request: HttpRequest,
  owner: Owner,
  options?: FormOptions,
): Promise<Form<unknown>> {
  let prepared: PreparedForm
  try {
    prepared = prepareForm(options)
    checkOwner(owner)
  } catch (error) {
    return await refuseRequest(request, error)
  }
  return await receivePreparedForm(request, owner, prepared)
}

/** As {@link receiveForm}, with options that middleware has prepared once. */
export async function receivePreparedForm(
  request: HttpRequest,
  owner: Owner,
  options: PreparedForm,
): Promise<Form<unknown>> {
  const body = bodyOf(request)
  let reader: FormReader | undefined
  let intake: Intake | undefined
  let detach: (() => void) | undefined
  try {
    const current = new FormReader(owner, options, checkHeaders(body, options))
    reader = current
    intake = openIntake(body.source, true)
    detach = onAbort([options.signal, body.signal, ownerSignal(owner)], ({ reason }) =>
      current.fail(abortError(reason)),
    )
    const bytes = await readInto(current, intake, body, options)
    const form = await current.end()
    log.http('a form of %d bytes with %d files received', bytes, form.files.length)
    return form
  } catch (error) {
    reader?.fail(error)
    intake?.stop(error, true)
    await Promise.all([body.refuse(error), reader?.undo()])
    log.http('a form refused: %O', error)
    throw error
  } finally {
    detach?.()
  }
}

/** Returns the boundary. @throws ERR_TEMP_FORM_INVALID, ERR_TEMP_TOO_LARGE */
function checkHeaders(body: RequestBody, { maxTotalBytes }: PreparedForm): string {
  const boundary = boundaryOf(body.header('content-type'))
  if (!isIdentity(body.header('content-encoding'))) {
    throw formInvalid('The form is compressed as a whole. Send it without Content-Encoding.')
  }
  if (body.length !== undefined && body.length > maxTotalBytes) {
    throw formTooLarge(`${body.length} bytes in all`, 'maxTotalBytes', maxTotalBytes)
  }
  return boundary
}

/** Feeds the body to the reader, to its end; returns its bytes. @throws the form's first failure */
async function readInto(
  reader: FormReader,
  intake: Intake,
  body: RequestBody,
  { maxTotalBytes, onProgress }: PreparedForm,
): Promise<number> {
  const progress = progressOf(onProgress, body.length)
  let bytes = 0
  const take = (chunk: Uint8Array): Promise<void> | undefined => {
    bytes += chunk.length
    if (bytes > maxTotalBytes) throw formTooLarge('more bytes in all', 'maxTotalBytes', maxTotalBytes)
    progress?.at(bytes)
    return reader.take(chunk)
  }
  await reader.failure.race(() => intake.run(take))
  if (progress !== undefined) await reader.failure.race(() => progress.end(bytes))
  return bytes
}
