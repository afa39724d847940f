// One request and its answer, whatever framework they come from.

import type { ByteSource } from '../index.ts'
import type { UploadRequest } from './resumable-options.ts'

export interface Exchange extends UploadRequest {
  /** The path of this request, without its query. */
  readonly path: string
  /** Bytes of the content according to Content-Length. */
  readonly contentLength: number | undefined
  readonly body: ByteSource
  /** Sends an interim response, 104; where that cannot be done, nothing. */
  inform(headers: Readonly<Record<string, string>>): void
  /** Reads on what the client still sends, in bounds, so that it gets to read the answer. */
  abandonBody(): void
}
