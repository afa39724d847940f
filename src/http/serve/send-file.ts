// Sends a file as a response. Promise: what the request asked for (a range, only the head, only if changed), in
// constant memory; and the file is removed only when the option's own condition has come true.

import type { IncomingMessage, ServerResponse } from 'node:http'
import { finished } from 'node:stream/promises'
import { ioError, TempFileError } from '../../errors.ts'
import { log } from '../../runtime/observe.ts'
import { type Answer, answerTo } from './answer.ts'
import { askForReceipt } from './receipt.ts'
import type { Sendable, SendOptions, SendResult } from './send-options.ts'

/**
 * Sends a temp file, a claim or any file by its path, and resolves when the response is over (also when the
 * client went away: then `fullySent` is false). Answers Range (one range: 206 or 416; several: the whole
 * file), HEAD, If-Match, If-None-Match and If-Range with a strong ETag, sets Content-Length,
 * Content-Disposition with a safe name, `X-Content-Type-Options: nosniff` and `Cache-Control: private, no-store`.
 * If it throws, nothing was sent, except for ERR_TEMP_IO after the first byte (the connection is closed then).
 *
 * `remove: 'after-full-body'` makes the response the last of its connection, and takes the client's orderly end
 * of it for the receipt: a client that leaves with bytes unread resets it, and the file stays. It resolves when
 * that is known (60 s at most). Behind a proxy it is the proxy that is asked.
 *
 * @throws ERR_TEMP_REMOVED (the file is gone), ERR_TEMP_OPTION_INVALID (a directory; `remove` for a plain path;
 * headers already sent), ERR_TEMP_IO, ERR_TEMP_CLEANUP (the removal failed)
 * @example
 * ```ts
 * import { once } from 'node:events'
 * import { createServer } from 'node:http'
 * import { getTempManager } from 'temp-file-manager'
 * import { sendFile } from 'temp-file-manager/http'
 *
 * const server = createServer(async (req, res) => {
 *   await using invoice = await getTempManager().receive('Invoice 7: 42 euros', { suffix: '.txt' })
 *   await sendFile(req, res, invoice, { fileName: 'invoice-7.txt' })
 * }).listen(0, '127.0.0.1')
 * await once(server, 'listening')
 * const address = server.address()
 * if (address !== null && typeof address === 'object') {
 *   const response = await fetch(`http://127.0.0.1:${address.port}`, { headers: { range: 'bytes=0-8' } })
 *   console.log(response.status, await response.text()) // 206 Invoice 7
 * }
 * server.close()
 * ```
 */
export async function sendFile(
  req: IncomingMessage,
  res: ServerResponse,
  entry: Sendable,
  options: SendOptions = {},
): Promise<SendResult> {
  return deliver(req, res, entry, options, await prepare(req, res, entry, options))
}

/** The part of sendFile that can fail with nothing sent. */
export async function prepare(
  req: IncomingMessage,
  res: ServerResponse,
  entry: Sendable,
  options: SendOptions,
): Promise<Answer> {
  if (res.headersSent)
    throw invalid('The response has begun already. Call sendFile before anything is written.')
  if ((options.remove ?? 'never') !== 'never' && entry.remove === undefined) {
    throw invalid(
      `remove: '${options.remove}' needs a temp file or a claim. A plain path is only ever read; remove it yourself.`,
    )
  }
  return answerTo(req, entry, options)
}

/** The part that writes. */
export async function deliver(
  req: IncomingMessage,
  res: ServerResponse,
  entry: Sendable,
  options: SendOptions,
  answer: Answer,
): Promise<SendResult> {
  const onFullBody = options.remove === 'after-full-body' && answer.whole && req.method === 'GET'
  const receipt = onFullBody ? askForReceipt(res) : undefined
  let bytes = 0
  let fullySent = false
  try {
    fullySent = await write(res, answer, (more) => {
      bytes += more
    })
  } catch (error) {
    if (options.remove === 'after-response') await entry.remove?.()
    throw error
  } finally {
    answer.body?.destroy()
    if (!fullySent) receipt?.cancel()
  }
  const got = onFullBody && fullySent && (receipt === undefined || (await receipt.confirmed()))
  const removed = options.remove === 'after-response' || got
  if (removed) await entry.remove?.()
  log.http(
    'a file sent: status %d, %d bytes, fully sent: %s, removed: %s',
    answer.status,
    bytes,
    fullySent,
    removed,
  )
  return { status: answer.status, bytes, fullySent, removed }
}

/** Writes the answer; true when all of it was handed over. @throws ERR_TEMP_IO */
async function write(
  res: ServerResponse,
  { status, headers, body }: Answer,
  count: (bytes: number) => void,
): Promise<boolean> {
  if (res.destroyed || res.closed) return false
  let failure: unknown
  res.writeHead(status, headers)
  const over = finished(res, { readable: false }).then(
    () => res.writableFinished,
    () => false, // the client has gone
  )
  if (body === undefined) {
    res.end()
  } else {
    body.on('error', (error) => {
      failure = error
      res.destroy()
    })
    body.on('data', (chunk: Uint8Array) => count(chunk.length))
    body.pipe(res)
    if (!(await over)) body.destroy()
  }
  const complete = await over
  if (failure !== undefined) throw ioError(failure, 'read the file while sending it')
  return complete
}

function invalid(message: string): TempFileError {
  return new TempFileError('ERR_TEMP_OPTION_INVALID', message)
}
