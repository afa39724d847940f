// Receives a multipart form, files going straight to disk. Promise: a form is received whole or not at all;
// the first failure stops everything, removes every file of this form, and lets the client read the answer.

import { abortError, onAbort } from '../../runtime/abort.ts'
import { log } from '../../runtime/observe.ts'
import { progressOf } from '../../streams/progress.ts'
import type { Form } from './form-reader.ts'
import { FormReader } from './form-reader.ts'
import { type FormRules, formInvalid, formLimits, tooLarge } from './form-rules.ts'
import { boundaryOf } from './part-header.ts'
import { contentTypeOf, type HttpRequest, openBody, type RequestBody } from './request-body.ts'
import { type Owner, ownerSignal } from './uploaded-file.ts'

/**
 * Receives a `multipart/form-data` request: text fields in memory, files on disk, in any order and number.
 *
 * Works with a request of node:http (Express, Fastify's `request.raw`, Koa's `ctx.req`) and with one of the
 * Fetch API (Hono's `c.req.raw`, a Next.js route handler's `request`). Call it before anything else reads the
 * body. If it fails, all files of this form are removed; what is left of the request is thrown away in bounds
 * (16 MiB, 5 s), so that the client gets to read your answer, and then its connection is closed.
 *
 * @param owner who removes the files: a scope (`manager.scope()`) for the length of a request, or a manager.
 * @throws ERR_TEMP_FORM_INVALID (no multipart form, a broken one, a missing or unlisted field),
 * ERR_TEMP_TOO_LARGE, ERR_TEMP_TOO_SMALL, ERR_TEMP_TYPE_REJECTED, ERR_TEMP_TRUNCATED, ERR_TEMP_ABORTED (the
 * client or a signal), ERR_TEMP_NO_SPACE, ERR_TEMP_QUOTA, ERR_TEMP_IO, ERR_TEMP_CLOSED, ERR_TEMP_OPTION_INVALID
 * (a bad rule; the body was read before), and what `inspect` and `onProgress` throw
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
export async function receiveForm(request: HttpRequest, owner: Owner, rules: FormRules = {}): Promise<Form> {
  const limits = formLimits(rules)
  const body = openForm(request)
  const reader = new FormReader(owner, rules, limits)
  const stop = (error: Error): void => {
    body.abandon(error)
    reader.fail(error)
  }
  reader.onFailure = (error) => body.abandon(error)
  const detach = onAbort([rules.signal, ownerSignal(owner)], ({ reason }) => stop(abortError(reason)))
  try {
    const encoding = body.header('content-encoding')
    if (encoding !== undefined && encoding !== 'identity') {
      throw formInvalid('The form is compressed as a whole. Send it without Content-Encoding.')
    }
    reader.begin(boundaryOf(body.header('content-type')), () => body.resume())
    const { length } = body
    if (length !== undefined && length > limits.maxTotalBytes)
      throw tooLarge(`${length} bytes in all`, limits.maxTotalBytes)
    const progress = progressOf(rules.onProgress, length)
    let bytes = 0
    await body.read((chunk) => {
      try {
        bytes += chunk.length
        if (bytes > limits.maxTotalBytes) throw tooLarge('more bytes in all', limits.maxTotalBytes, { bytes })
        progress?.at(bytes)
        return reader.write(chunk)
      } catch (error) {
        stop(error as Error) // ours, or what onProgress throws
        return true
      }
    })
    const form = await reader.end()
    progress?.end(bytes)
    log.http('a form of %d bytes with %d files received', bytes, form.files.length)
    return form
  } catch (error) {
    body.abandon(error as Error) // a TempFileError, or what inspect or onProgress throw
    const reason = await reader.undo(error)
    log.http('a form refused: %O', reason)
    throw reason
  } finally {
    detach()
  }
}

/** A body that was read because it is no form (express.json) is the client's mistake, any other the program's. */
function openForm(request: HttpRequest): RequestBody {
  try {
    return openBody(request)
  } catch (error) {
    boundaryOf(contentTypeOf(request))
    throw error
  }
}
