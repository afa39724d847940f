// Downloads a URL into a temp file. Guarantee: the whole file, or a typed error and nothing on the disk; a redirect is
// followed to http and https only, and no secret header follows it to another origin.

import { errnoOf, isTempFileError, optionError, TempFileError } from '../../errors.ts'
import type { FileRules, ReceivedFile, Size } from '../../index.ts'
import { namePrefix, nameSuffix } from '../../input/file-options.ts'
import { forLog } from '../../input/names.ts'
import { callback, integer, optionsOf, recordOf, size, text, timerDuration } from '../../input/options.ts'
import { checkOwner } from '../../input/program-objects.ts'
import type { Duration } from '../../input/units.ts'
import { abortError, onAbort } from '../../runtime/abort.ts'
import { log } from '../../runtime/observe.ts'
import { storeOptions } from '../../streams/receive-options.ts'
import type { Progress } from '../../types.ts'
import { contentLength, isIdentity } from '../content-length.ts'
import { fileNameOfDisposition, headerText } from '../receive/part-header.ts'
import { type Owner, originalNameOf, ownerSignal, suffixOf } from '../receive/uploaded-file.ts'
import { checkRequestHeaders, withCredentials } from './request-headers.ts'
import { fetchTimedOut, fetchTimeout, type SilenceWatch, watchSilence } from './silence.ts'
import { webAddress } from './web-address.ts'

/** Options of {@link fetchFile}. */
export interface FetchOptions {
  /** The most bytes; default: the manager's `limits.fileBytes`. */
  readonly maxBytes?: Size | undefined
  /** The rules for the file, for example `fileRules.pdf`. */
  readonly accept?: FileRules | undefined
  /** A digest to compute on the way. */
  readonly hash?: 'sha256' | (string & {}) | undefined
  /** The end of the file's name on disk; default: the extension in Content-Disposition or the URL. */
  readonly suffix?: string | undefined
  readonly prefix?: string | undefined
  /** Request headers. `authorization`, `cookie` and `proxy-authorization` are dropped when a redirect leaves the origin. */
  readonly headers?: Readonly<Record<string, string>> | undefined
  readonly signal?: AbortSignal | undefined
  /**
   * Gives up when no byte has arrived for this long: ERR_TEMP_TIMEOUT. Default '30s'; 0: never. Node's fetch gives up after
   * five minutes anyway, with the same error. For a total, use `AbortSignal.timeout`.
   */
  readonly timeout?: Duration | undefined
  /** The most redirects followed; default 5. */
  readonly maxRedirects?: number | undefined
  /**
   * Called with the URL and with that of every redirect; false refuses it: ERR_TEMP_DOWNLOAD_FAILED. Use it to keep
   * URLs that users supply out of your internal network.
   */
  readonly allow?: ((url: URL) => boolean | Promise<boolean>) | undefined
  /** Called at most ten times a second, and once more at the end. */
  readonly onProgress?: ((progress: Progress) => void) | undefined
}

/**
 * Downloads a URL into a temp file, in constant memory.
 *
 * @throws ERR_TEMP_DOWNLOAD_FAILED (no answer, or one that is not 2xx: its status is in `details.status`),
 * ERR_TEMP_TRUNCATED (fewer bytes than announced), ERR_TEMP_TIMEOUT, ERR_TEMP_ABORTED, ERR_TEMP_TOO_LARGE,
 * ERR_TEMP_TOO_SMALL, ERR_TEMP_TYPE_REJECTED, ERR_TEMP_NO_SPACE, ERR_TEMP_QUOTA, ERR_TEMP_IO,
 * ERR_TEMP_CLOSED, ERR_TEMP_OPTION_INVALID
 * @example
 * ```ts
 * import { once } from 'node:events'
 * import { createServer } from 'node:http'
 * import { getTempManager } from 'temp-file-manager'
 * import { fetchFile } from 'temp-file-manager/http'
 *
 * const server = createServer((_, res) => res.end('a report')).listen(0, '127.0.0.1')
 * await once(server, 'listening')
 * const address = server.address()
 * if (address !== null && typeof address === 'object') {
 *   await using file = await fetchFile(`http://127.0.0.1:${address.port}/report.txt`, getTempManager(), { maxBytes: '1mb' })
 *   console.log(file.bytes) // 8
 * }
 * server.close()
 * ```
 */
export async function fetchFile(
  url: string | URL,
  owner: Owner,
  options: FetchOptions = {},
): Promise<ReceivedFile> {
  const {
    timeout = 30_000,
    maxRedirects = 5,
    allow,
    headers = {},
    suffix,
    signal,
    accept,
    ...receive
  } = checkOptions(options)
  const start = webAddress(url)
  checkOwner(owner)
  checkRequestHeaders(headers)
  const stop = new AbortController()
  const detach = onAbort([signal, ownerSignal(owner)], (signal) => stop.abort(abortError(signal.reason)))
  const watch = watchSilence(timeout, (error) => stop.abort(error))
  try {
    const { response, from } = await follow(start, { headers, maxRedirects, allow }, stop.signal)
    const length = contentLength(response.headers.get('content-length'))
    const expectedBytes = isIdentity(response.headers.get('content-encoding')) ? length : undefined
    const name = nameOf(response, from)
    log.http('downloading from %s: %s bytes', forLog(from.host), expectedBytes ?? 'unknown')
    return await owner.receive(bytesOf(response, expectedBytes, stop.signal, watch), {
      ...receive,
      ...(accept === undefined ? {} : { accept }),
      suffix: suffix ?? suffixOf(name ?? ''),
      expectedBytes,
      signal: stop.signal,
      declared: { name, type: response.headers.get('content-type') ?? undefined },
    })
  } catch (error) {
    throw stop.signal.aborted ? abortError(stop.signal.reason) : error
  } finally {
    watch.end()
    detach()
    stop.abort(abortError(undefined)) // frees the connection of a download that failed half-way
  }
}

interface Route {
  readonly headers: Readonly<Record<string, string>>
  readonly maxRedirects: number
  readonly allow: FetchOptions['allow']
}

const checkOptions = optionsOf('fetchFile', {
  ...storeOptions,
  maxBytes: size,
  suffix: nameSuffix,
  prefix: namePrefix,
  headers: recordOf(text),
  timeout: timerDuration,
  maxRedirects: integer(),
  allow: callback<NonNullable<FetchOptions['allow']>>(),
})

const REDIRECTS = new Set([301, 302, 303, 307, 308])
const SECRET = new Set(['authorization', 'cookie', 'proxy-authorization'])

/** Sends the request, and follows redirects until an answer is 2xx. */
async function follow(
  start: URL,
  { headers: given, maxRedirects, allow }: Route,
  signal: AbortSignal,
): Promise<{ response: Response; from: URL }> {
  let { url: from, headers } = withCredentials(start, { 'accept-encoding': 'identity', ...given })
  for (let hops = 0; ; hops += 1) {
    if (allow !== undefined && !(await allow(from))) throw failed('The URL is not allowed here.')
    const response = await fetch(from, { headers, signal, redirect: 'manual' }).catch((error: unknown) => {
      throw unanswered(error)
    })
    if (response.ok) return { response, from }
    await response.body?.cancel().catch(() => {})
    const location = response.headers.get('location')
    const details = { status: response.status }
    if (!REDIRECTS.has(response.status) || location === null) {
      throw failed(`The server answered with status ${response.status}.`, details)
    }
    if (hops >= maxRedirects) throw failed('The server redirected too often.', details)
    const next = redirected(location, from, details)
    if (next.origin !== from.origin) {
      headers = Object.fromEntries(
        Object.entries(headers).filter(([name]) => !SECRET.has(name.toLowerCase())),
      )
    }
    ;({ url: from, headers } = withCredentials(next, headers))
  }
}

/** Headers that Node's fetch does not send, such as Transfer-Encoding and Expect. */
const REFUSED_BY_FETCH: readonly unknown[] = ['UND_ERR_INVALID_ARG', 'UND_ERR_NOT_SUPPORTED']

/** The error for a request that fetch() could not send or that got no answer. */
function unanswered(error: unknown): TempFileError {
  if (fetchTimedOut(error)) return fetchTimeout(error)
  const code = error instanceof Error ? errnoOf(error.cause) : undefined
  if (REFUSED_BY_FETCH.includes(code))
    return optionError('headers', 'The request has a header that fetch() does not send. Leave it out.')
  return failed("The server could not be reached. See this error's cause.", {}, error)
}

function redirected(location: string, from: URL, details: { status: number }): URL {
  try {
    return webAddress(new URL(headerText(location), from))
  } catch (error) {
    throw failed('The server redirected to a URL that is not http or https.', details, error)
  }
}

/** The body's bytes; their failures get their typed errors here, where the cause is known. */
async function* bytesOf(
  response: Response,
  expected: number | undefined,
  signal: AbortSignal,
  watch: SilenceWatch,
): AsyncGenerator<Uint8Array> {
  const reader = response.body?.getReader()
  let bytes = 0
  try {
    for (;;) {
      const chunk = await reader?.read()
      if (chunk === undefined || chunk.done) return
      bytes += chunk.value.byteLength
      watch.stir()
      yield chunk.value
      watch.stir() // a slow disk is not a silent server
    }
  } catch (error) {
    if (signal.aborted || isTempFileError(error)) throw error
    if (fetchTimedOut(error)) throw fetchTimeout(error)
    const total = expected === undefined ? '' : ` of ${expected}`
    throw new TempFileError(
      'ERR_TEMP_TRUNCATED',
      `The download broke off after ${bytes}${total} bytes. Try again.`,
      {
        cause: error,
        details: { bytes },
      },
    )
  } finally {
    watch.end() // a slow `validate` is not a silent server either
    reader?.cancel().catch(() => {})
  }
}

/** The server's name for the file, safe to show. */
function nameOf(response: Response, from: URL): string | undefined {
  const named = fileNameIn(response.headers.get('content-disposition') ?? '')
  const last = named ?? decoded(from.pathname.split('/').at(-1) ?? '')
  return last === '' ? undefined : originalNameOf(last)
}

function fileNameIn(disposition: string): string | undefined {
  try {
    return fileNameOfDisposition(disposition)
  } catch {
    return undefined // a name that cannot be read does not make the bytes unusable
  }
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}

function failed(message: string, details?: Record<string, string | number>, cause?: unknown): TempFileError {
  return new TempFileError('ERR_TEMP_DOWNLOAD_FAILED', `The download failed. ${message}`, { cause, details })
}
