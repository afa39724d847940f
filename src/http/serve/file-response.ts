// Sends a file as a Response of the Fetch API. Guarantee: the file is closed when the body was read, was cancelled, the
// client left, or the Response was collected unread; nothing is read before the body is.

import { TempFileError } from '../../errors.ts'
import { checkFetchRequest } from '../../input/program-objects.ts'
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
 * do not put it into an `await using` of the handler. Return the Response: one that is dropped (middleware that answers
 * after a timeout does that) keeps the file open until the garbage collector finds it, which counts as cancelled.
 *
 * @throws ERR_TEMP_REMOVED (the file does not exist any more), ERR_TEMP_OPTION_INVALID (a directory; `remove` for a
 * plain path; an invalid header), ERR_TEMP_IO. Reading the body rejects with ERR_TEMP_IO, with
 * ERR_TEMP_TRUNCATED if the file became shorter meanwhile, and with ERR_TEMP_ABORTED once the request is aborted.
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
  checkFetchRequest(request)
  const conditions = {
    method: request.method,
    header: (name: string) => request.headers.get(name) ?? undefined,
  }
  const answer = await prepareAnswer(conditions, entry, options)
  const { status, headers } = answer
  const end = endOf(answer, entry, options)
  if (answer.body === undefined) {
    await end(true)
    return new Response(null, { status, headers })
  }
  const body = streamOf(answer.body, request.signal, end)
  unread.register(body, end)
  return new Response(body, { status, headers })
}

/** Called with whether all bytes were read. Idempotent. */
type End = (complete: boolean) => Promise<void>

/** A function of its own, so that its result does not refer to the request, which may lead to the Response. */
function endOf(answer: Answer, entry: Sendable, options: SendOptions): End {
  let ended = false
  return async (complete) => {
    if (ended) return
    ended = true
    await answer.close()
    const fullBody = options.remove === 'after-full-body' && complete && answer.whole
    if (options.remove === 'after-response' || fullBody) await entry.remove?.().catch(reportFailure)
    log.http('file response ended: status %d, complete: %s', answer.status, complete)
  }
}

/**
 * Ends a response whose body is collected before its end, and until then keeps its FileHandle reachable: collecting an
 * open one ends the process (Node 26), or is a warning (DEP0137).
 */
const unread = new FinalizationRegistry((end: End) => {
  end(false).catch(reportFailure)
})

/** The bytes as a stream without read-ahead; `end` is called once, with whether all bytes were read. */
function streamOf(
  bytes: NonNullable<Answer['body']>,
  signal: AbortSignal,
  end: End,
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
          throw signal.aborted ? aborted(signal) : error // the error of reading a closed file is only a consequence
        }
      },
      cancel: () => settle(false),
    },
    { highWaterMark: 0 },
  )
}

function aborted({ reason }: AbortSignal): TempFileError {
  return new TempFileError('ERR_TEMP_ABORTED', 'The request was aborted before the file was sent in full.', {
    cause: reason,
  })
}

/** The response was sent, so there is no caller to report this error to. */
function reportFailure(error: unknown): void {
  process.emitWarning(error instanceof Error ? error : new Error(String(error)))
}
