// Receives a raw request body, such as a PUT of one file. Guarantee: the whole file or nothing, and the client can read
// the answer.

import type { FileRules, Size } from '../../index.ts'
import { namePrefix } from '../../input/file-options.ts'
import { optionsOf, size, text } from '../../input/options.ts'
import { checkOwner } from '../../input/program-objects.ts'
import { joinSignals } from '../../runtime/abort.ts'
import { log } from '../../runtime/observe.ts'
import { expectedDigest, storeOptions } from '../../streams/receive-options.ts'
import type { ExpectedDigest, Progress } from '../../types.ts'
import { formInvalid } from './form-errors.ts'
import { fileNameOfDisposition } from './part-header.ts'
import { bodyOf, type HttpRequest, type RequestBody, refuseRequest } from './request-body.ts'
import { asUploaded, type Owner, originalNameOf, suffixOf, type UploadedFile } from './uploaded-file.ts'

/** The limits of a raw body. */
export interface BodyOptions {
  /** The rules for the file, for example `fileRules.pdf`. Default: any file. */
  readonly accept?: FileRules | undefined
  /** The most bytes; default: the manager's `limits.fileBytes`. */
  readonly maxBytes?: Size | undefined
  /** The client's name for the file, for example from your URL; default: that of Content-Disposition. Only shown, never a path. */
  readonly fileName?: string | undefined
  /** The digest that the file must have; another one is ERR_TEMP_TRUNCATED and leaves nothing. */
  readonly expectedDigest?: ExpectedDigest | undefined
  /** A digest to compute on the way. */
  readonly hash?: 'sha256' | (string & {}) | undefined
  /** The beginning of the file's name on disk; default: the manager's `prefix`. */
  readonly prefix?: string | undefined
  /** Aborting it ends the upload with ERR_TEMP_ABORTED. */
  readonly signal?: AbortSignal | undefined
  /** Called at most ten times a second, and once more at the end. */
  readonly onProgress?: ((progress: Progress) => void) | undefined
}

const checkOptions = optionsOf('receiveBody', {
  ...storeOptions,
  maxBytes: size,
  fileName: text,
  expectedDigest,
  prefix: namePrefix,
})

/**
 * Receives the raw body of a PUT or POST as one file. The bytes are stored as sent (a Content-Encoding is not
 * undone). A Content-Length over the limit is refused before the first byte. There is no size limit unless you set
 * one: `maxBytes`, or the manager's `limits.fileBytes`.
 *
 * @throws ERR_TEMP_FORM_INVALID (a form: use receiveForm), ERR_TEMP_TOO_LARGE, ERR_TEMP_TOO_SMALL,
 * ERR_TEMP_TYPE_REJECTED, ERR_TEMP_TRUNCATED, ERR_TEMP_ABORTED, ERR_TEMP_TIMEOUT, ERR_TEMP_NO_SPACE, ERR_TEMP_QUOTA,
 * ERR_TEMP_IO, ERR_TEMP_CLOSED, ERR_TEMP_OPTION_INVALID (a bad option; not a request, not an owner; the body was read
 * before)
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
  options?: BodyOptions,
): Promise<UploadedFile> {
  let checked: ReturnType<typeof checkOptions>
  try {
    checked = checkOptions(options)
    checkOwner(owner)
  } catch (error) {
    return await refuseRequest(request, error)
  }
  const body = bodyOf(request)
  try {
    const file = await store(body, owner, checked)
    log.http('a body of %d bytes received', file.bytes)
    return file
  } catch (error) {
    await body.refuse(error)
    log.http('a body refused: %O', error)
    throw error
  }
}

async function store(
  body: RequestBody,
  owner: Owner,
  options: ReturnType<typeof checkOptions>,
): Promise<UploadedFile> {
  const declaredType = body.header('content-type')?.split(';', 1)[0]?.trim().toLowerCase() || undefined
  if (declaredType === 'multipart/form-data') {
    throw formInvalid(
      'The request is a form, not a raw file. Send the file as the body itself, or to the route that receives forms.',
    )
  }
  const { fileName, accept, signal: given, ...rest } = options
  const named = fileName ?? fileNameOfDisposition(body.header('content-disposition') ?? '')
  const originalName = originalNameOf(named)
  const { signal, detach } = joinSignals(given, body.signal)
  try {
    const file = await owner.receive(body.source, {
      ...rest,
      ...(accept === undefined ? {} : { accept }),
      signal,
      suffix: suffixOf(originalName),
      expectedBytes: body.length,
      keepSource: true,
      declared: { name: named === undefined ? undefined : originalName, type: declaredType },
    })
    return asUploaded(file, { fieldName: '', originalName, declaredType })
  } finally {
    detach()
  }
}
