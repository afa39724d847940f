// One request and its answer, whatever framework they come from.

import type { ByteSource } from '../index.ts'
import { untilAborted } from '../runtime/abort.ts'
import { openIntake } from '../streams/intake.ts'
import type { UploadRequest } from './resumable-options.ts'

export interface Exchange extends UploadRequest {
  /** The path of this request, without its query. */
  readonly path: string
  /** Bytes of the content according to Content-Length. */
  readonly contentLength: number | undefined
  readonly body: ByteSource
  /** Of a Fetch request: aborts when its client has left. */
  readonly signal: AbortSignal | undefined
  /** Sends an interim response, 104; where that cannot be done, nothing. */
  inform(headers: Readonly<Record<string, string>>): void
  /**
   * Gives the content up: the rest is discarded within bounds, so that the client can read the answer. Wait for the result
   * before you answer. Idempotent.
   */
  abandonBody(error?: unknown): Promise<void>
}

/** Whether the request has no content. Without Content-Length only reading it answers that. */
export async function isEmpty(
  { contentLength, body, signal }: Exchange,
  timeoutMs: number,
): Promise<boolean> {
  if (contentLength !== undefined) return contentLength === 0
  const intake = openIntake(body, true)
  let bytes = 0
  const take = (chunk: Uint8Array): undefined => {
    bytes += chunk.length
    if (bytes > 0) throw new Error('There is content: no more of it is read.')
  }
  try {
    await untilAborted([signal, AbortSignal.timeout(timeoutMs)], () => intake.run(take))
  } catch (error) {
    if (bytes === 0) throw error
  } finally {
    intake.stop(undefined, true)
  }
  return bytes === 0
}
