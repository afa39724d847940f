// What a request for a file is answered with: status, headers, and the stream of the body. Promise: nothing is
// written yet, so a failure can still become the program's own answer.

import { once } from 'node:events'
import type { Stats } from 'node:fs'
import { stat } from 'node:fs/promises'
import type { IncomingMessage } from 'node:http'
import { basename, dirname } from 'node:path'
import type { Readable } from 'node:stream'
import { send } from '@fastify/send'
import contentDisposition from 'content-disposition'
import mime from 'mime-types'
import { errnoOf, ioError, TempFileError } from '../../errors.ts'
import { displayName } from '../../input/names.ts'
import type { Sendable, SendOptions } from './send-options.ts'

export interface Answer {
  readonly status: number
  readonly headers: Readonly<Record<string, string | number>>
  /** The body; undefined where there is none (HEAD, 304, 412, 416). */
  readonly body: Readable | undefined
  /** Whether the body is the whole file. */
  readonly whole: boolean
}

/** Bytes read from the disk at once. */
const READ_BYTES = 256 * 1024

/** What a Range header looks like; any other is as good as none (RFC 9110 section 14.2). */
const BYTE_RANGES = /^\s*bytes=\s*(?:\d+-\d*|-\d+)\s*(?:,\s*(?:\d+-\d*|-\d+)\s*)*$/i

/** Makes the answer. @throws ERR_TEMP_REMOVED, ERR_TEMP_IO, ERR_TEMP_OPTION_INVALID */
export async function answerTo(req: IncomingMessage, entry: Sendable, options: SendOptions): Promise<Answer> {
  const stats = await statOf(entry)
  const fileName = displayName(options.fileName ?? entry.originalName ?? entry.name ?? basename(entry.path))
  const found = await send(underOurTag(req, stats), encodeURIComponent(basename(entry.path)), {
    root: dirname(entry.path),
    dotfiles: 'allow',
    index: false,
    contentType: false,
    cacheControl: false,
    highWaterMark: READ_BYTES,
  })
  const { 'Content-Type': _html, ETag: _weak, ...headers } = found.headers
  const common = {
    ETag: strongTag(stats),
    ...(options.cacheControl === false
      ? {}
      : { 'Cache-Control': options.cacheControl ?? 'private, no-store' }),
  }
  if (found.type !== 'file' || found.statusCode === 304 || req.method === 'HEAD') found.stream.destroy()
  if (found.type === 'file') {
    const described = {
      ...common,
      ...headers,
      ...(found.statusCode === 304 ? {} : about(fileName, options)),
      ...options.headers,
    }
    const silent = found.statusCode === 304 || req.method === 'HEAD'
    const body = silent ? undefined : await opened(found.stream)
    return {
      status: found.statusCode,
      headers: described,
      body,
      whole: body !== undefined && found.statusCode === 200,
    }
  }
  if (found.statusCode !== 412 && found.statusCode !== 416) throw gone(entry.path) // removed since it was looked at
  const range = found.headers['Content-Range']
  return {
    status: found.statusCode,
    headers: { ...common, ...(range === undefined ? {} : { 'Content-Range': range }), 'Content-Length': 0 },
    body: undefined,
    whole: false,
  }
}

function about(fileName: string, { type, disposition }: SendOptions): Record<string, string> {
  return {
    'Content-Type': type ?? (mime.contentType(fileName) || 'application/octet-stream'),
    'Content-Disposition': contentDisposition(fileName, { type: disposition ?? 'attachment' }),
    'X-Content-Type-Options': 'nosniff',
  }
}

async function statOf(entry: Sendable): Promise<Stats> {
  if (entry.disposed === true) throw gone(entry.path)
  const stats = await stat(entry.path).catch((error: unknown) => {
    throw errnoOf(error) === 'ENOENT' ? gone(entry.path, error) : ioError(error, 'send the file', entry.path)
  })
  if (stats.isFile()) return stats
  throw new TempFileError(
    'ERR_TEMP_OPTION_INVALID',
    'Only a file can be sent, not a directory. Pack it first.',
    { path: entry.path },
  )
}

export function gone(path: string, cause?: unknown): TempFileError {
  return new TempFileError(
    'ERR_TEMP_REMOVED',
    'The file is no longer there. Send it before its scope ends or it is removed.',
    { cause, path },
  )
}

/** Waits until the file is open: from then on it can be sent even if it is removed meanwhile. */
async function opened(stream: Readable): Promise<Readable> {
  try {
    await once(stream, 'open')
    return stream
  } catch (error) {
    stream.destroy()
    throw errnoOf(error) === 'ENOENT' ? gone('', error) : ioError(error, 'send the file')
  }
}

/**
 * A strong ETag: identity, size and times of the file, which a temp file does not share with another content.
 * Only a strong one lets a client resume by If-Range (RFC 9110 section 13.1.5); @fastify/send makes weak ones.
 */
function strongTag({ ino, size, mtimeMs, ctimeMs }: Stats): string {
  return `"${ino.toString(36)}-${size.toString(36)}-${mtimeMs.toString(36)}-${ctimeMs.toString(36)}"`
}

/** The request as @fastify/send should see it: conditions that name our strong tag name its weak one instead. */
function underOurTag(req: IncomingMessage, stats: Stats): Readable {
  const ours = strongTag(stats)
  const theirs = `W/"${stats.size.toString(16)}-${stats.mtime.getTime().toString(16)}"`
  const { 'cache-control': _, ...headers } = req.headers // fetch adds no-cache to If-None-Match, which is no reason to send it again
  if (!BYTE_RANGES.test(headers.range ?? '')) delete headers.range
  for (const name of ['if-match', 'if-none-match', 'if-range'] as const) {
    const value = headers[name]
    if (typeof value === 'string')
      headers[name] = value
        .replaceAll(`W/${ours}`, name === 'if-none-match' ? theirs : '"weak"')
        .replaceAll(ours, theirs)
  }
  // Object.create is untyped; send reads `method` and `headers` of it, nothing else.
  return Object.create(req, { headers: { value: headers }, method: { value: req.method } }) as Readable
}
