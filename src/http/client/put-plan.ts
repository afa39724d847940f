// An upload: its source, its destination and its progress.

import type { FileHandle } from 'node:fs/promises'

export interface Plan {
  readonly target: URL
  readonly method: string
  readonly headers: Readonly<Record<string, string>>
  readonly timeoutMs: number
  readonly chunkBytes: number | undefined
  readonly retries: number
  readonly retryDelayMs: number
  readonly resumable: boolean
}

export interface Upload extends Plan {
  readonly handle: FileHandle
  readonly total: number
  readonly signal: AbortSignal
  /** Bytes that the server has answered 2xx to. */
  confirmed: number
  /** Bytes given to the connection. */
  sent: number
  /** Bytes that the server has acknowledged in an interim response. */
  acknowledged?: number
}
