// One request and its answer, whatever framework they come from.

import type { ByteSource } from '../index.ts'
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
