// Sends a file as a Response of the Fetch API. Guarantee: the file is closed when the body was read, was cancelled or
// the client left; nothing is read before the body is.

import { log } from '../../runtime/observe.ts'
import { type Answer, prepareAnswer } from './answer.ts'
import type { Sendable, SendOptions } from './send-options.ts'

/**
 * Makes the Response that sends a temp file, a claim or any file by its path: for Hono, Next.js route handlers, Remix
 * and everything else that answers with a Response. Status, headers and options are those of `sendFile`.
 *
 * The file may be removed as soon as this resolves, because it is open then. A Response does not report what becomes
 * of it: 'after-full-body' removes the file once the server has read the whole body, 'after-response' also when the
 * body is cancelled. A removal that fails is a process warning. With `remove`, leave the file to `fileResponse`:
 * do not put it into an `await using` of the handler. Return the Response: one that is dropped keeps the file open.
 *
 * @throws ERR_TEMP_REMOVED (the file does not exist any more), ERR_TEMP_OPTION_INVALID (a directory; `remove` for a
 * plain path; an invalid header), ERR_TEMP_IO. Reading the body rejects with ERR_TEMP_IO, and with
 * ERR_TEMP_TRUNCATED if the file became shorter meanwhile.
 * @example
 * ```ts
 * import { getTempManager } from 'temp-file-manager'
 * import { fileResponse } from 'temp-file-manager/http'
 *
 * async function handler(request: Request): Promise<Response> {
 *   const invoice = await getTempManager().receive('Invoice 7: 42 euros')
 *   return fileResponse(request, invoice, { fileName: 'invoice-7.txt', remove: 'after-response' })
 * }
 *
 * const response = await handler(new Request('http://localhost/', { headers: { range: 'bytes=0-8' } }))
 * console.log(response.status, await response.text()) // 206 Invoice 7
 * ```
 */
export async function fileResponse(
  request: Request,
  entry: Sendable,
  options: SendOptions = {},
): Promise<Response> {
  const conditions = {
    method: request.method,
    header: (name: string) => request.headers.get(name) ?? undefined,
  }
  const answer = await prepareAnswer(conditions, entry, options)
  const { status, headers } = answer
  const end = async (complete: boolean): Promise<void> => {
    await answer.close()
    const fullBody = options.remove === 'after-full-body' && complete && answer.whole
    if (options.remove === 'after-response' || fullBody) await entry.remove?.().catch(reportFailure)
    log.http('file response ended: status %d, complete: %s', status, complete)
  }
  if (answer.body === undefined) {
    await end(true)
    return new Response(null, { status, headers })
  }
  return new Response(streamOf(answer.body, request.signal, end), { status, headers })
}

/** The bytes as a stream without read-ahead; `end` is called once, with whether all bytes were read. */
function streamOf(
  bytes: NonNullable<Answer['body']>,
  signal: AbortSignal,
  end: (complete: boolean) => Promise<void>,
): ReadableStream<Uint8Array> {
  let ended: Promise<void> | undefined
  const settle = (complete: boolean): Promise<void> => {
    signal.removeEventListener('abort', onAbort)
    ended ??= end(complete)
    return ended
  }
  const onAbort = (): void => void settle(false)
  signal.addEventListener('abort', onAbort)
  if (signal.aborted) onAbort()
  return new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        try {
          const { done, value } = await bytes.next()
          if (!done) return controller.enqueue(value)
          await settle(true)
          controller.close()
        } catch (error) {
          await settle(false)
          throw error
        }
      },
      cancel: () => settle(false),
    },
    { highWaterMark: 0 },
  )
}

/** The response was sent, so there is no caller to report this error to. */
function reportFailure(error: unknown): void {
  process.emitWarning(error instanceof Error ? error : new Error(String(error)))
}
