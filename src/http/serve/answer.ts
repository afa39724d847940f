// Prepares the answer to a request for a file: status, headers and body. Guarantee: nothing is written yet, every
// header is valid in HTTP/1.1 and HTTP/2, and the file is open, so every failure can still become an error response.

import type { Stats } from 'node:fs'
import type { FileHandle } from 'node:fs/promises'
import { basename } from 'node:path'
import mime from 'mime-types'
import { TempFileError } from '../../errors.ts'
import { displayName } from '../../input/names.ts'
import type { ByteRange } from '../../types.ts'
import { openToSend, pathToSend, readPart } from '../file-bytes.ts'
import { type Conditions, type Decision, dateOf, decide } from './conditions.ts'
import { dispositionOf } from './disposition.ts'
import { checkHeaders, mergedHeaders } from './program-answer.ts'
import { checkSendOptions, type Sendable, type SendOptions } from './send-options.ts'

type Headers = Readonly<Record<string, string>>

/** An answer that is ready to be written. */
export interface Answer {
  readonly status: number
  readonly headers: Headers
  /** Number of bytes in the body. */
  readonly length: number
  /** The bytes of the body; undefined where there are none (HEAD, 304, 412, 416, an empty file). */
  readonly body: AsyncGenerator<Uint8Array> | undefined
  /** Whether this answers a GET with the whole file. */
  readonly whole: boolean
  /** Closes the file. Idempotent. */
  close(): Promise<void>
}

/** Opens the file and decides. @throws ERR_TEMP_REMOVED, ERR_TEMP_IO, ERR_TEMP_OPTION_INVALID */
export async function prepareAnswer(
  request: Conditions,
  entry: Sendable,
  options: SendOptions,
): Promise<Answer> {
  checkSendOptions(options)
  pathToSend(entry)
  if ((options.remove ?? 'never') !== 'never' && entry.remove === undefined) {
    throw new TempFileError(
      'ERR_TEMP_OPTION_INVALID',
      `remove: '${options.remove}' needs a temp file or a claim. A plain path is only read: remove it yourself.`,
    )
  }
  const { handle, stats } = await openToSend(entry)
  try {
    const decision = decide(request, selected(stats, options))
    const headers = headersOf(decision, stats, entry, options)
    checkHeaders(headers)
    return answer(request.method, { handle, size: stats.size }, decision, headers)
  } catch (error) {
    await handle.close()
    throw error
  }
}

function answer(
  method: string,
  { handle, size }: { handle: FileHandle; size: number },
  decision: Decision,
  headers: Headers,
): Answer {
  const { start, end } = partOf(decision, size)
  const length = method === 'HEAD' ? 0 : end - start
  return {
    status: decision.status,
    headers,
    length,
    body: length === 0 ? undefined : readPart(handle, start, end),
    whole: decision.status === 200 && method === 'GET',
    close: () => handle.close(),
  }
}

/** The values that the client will compare: the program's own ETag and Last-Modified take the place of those made here. */
function selected(stats: Stats, options: SendOptions) {
  const etag = programHeader(options, 'etag')
  const modified = programHeader(options, 'last-modified')
  return {
    size: stats.size,
    etag: etag ?? (options.etag === false ? undefined : strongTag(stats)),
    modifiedMs:
      dateOf(modified) ??
      (options.lastModified === false || modified !== undefined
        ? undefined
        : Math.min(stats.mtimeMs, Date.now())), // never in the future (RFC 9110 section 8.8.2.1)
    acceptRanges: options.acceptRanges !== false,
  }
}

function programHeader({ headers = {} }: SendOptions, lowerCaseName: string): string | undefined {
  return Object.entries(headers).find(([name]) => name.toLowerCase() === lowerCaseName)?.[1]
}

function partOf(decision: Decision, size: number): ByteRange {
  if (decision.status === 206) return decision.range
  return { start: 0, end: decision.status === 200 ? size : 0 }
}

function headersOf(decision: Decision, stats: Stats, entry: Sendable, options: SendOptions): Headers {
  const { etag, modifiedMs, acceptRanges } = selected(stats, options)
  const { start, end } = partOf(decision, stats.size)
  const headers: Record<string, string> = {}
  if (etag !== undefined) headers['ETag'] = etag
  if (modifiedMs !== undefined) headers['Last-Modified'] = new Date(modifiedMs).toUTCString()
  if (options.cacheControl !== false) headers['Cache-Control'] = options.cacheControl ?? 'private, no-store'
  if (acceptRanges && decision.status !== 304) headers['Accept-Ranges'] = 'bytes'
  if (decision.status === 206) headers['Content-Range'] = `bytes ${start}-${end - 1}/${stats.size}`
  if (decision.status === 416) headers['Content-Range'] = `bytes */${stats.size}`
  if (decision.status !== 304) headers['Content-Length'] = String(end - start)
  const sendsContent = decision.status === 200 || decision.status === 206
  if (sendsContent) Object.assign(headers, descriptionOf(entry, options))
  return mergedHeaders(headers, options.headers ?? {}, sendsContent)
}

function descriptionOf(entry: Sendable, options: SendOptions): Headers {
  const fileName = displayName(options.fileName ?? entry.originalName ?? entry.name ?? basename(entry.path))
  return {
    'Content-Type': options.type ?? (mime.contentType(fileName) || 'application/octet-stream'),
    'Content-Disposition': dispositionOf(fileName, options.disposition ?? 'attachment'),
    'X-Content-Type-Options': 'nosniff',
  }
}

/**
 * A strong ETag: identity, size and times of the file, which no other content of a temp file shares. Only a strong
 * one lets a client resume with If-Range (RFC 9110 section 13.1.5).
 */
function strongTag({ ino, size, mtimeMs, ctimeMs }: Stats): string {
  return `"${ino.toString(36)}-${size.toString(36)}-${mtimeMs.toString(36)}-${ctimeMs.toString(36)}"`
}
