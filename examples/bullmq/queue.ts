// The names that the three processes share: the queue, the members of a job, the way to open a manager. Guarantee:
// a job carries a ticket, never bytes and never a path.

import { Redis } from 'ioredis'
import { TempFileManager } from 'temp-file-manager'

/** Not a name that one of your queues could have: the example empties it before and after. */
export const QUEUE = 'temp-file-manager-example'

export interface ClipJob {
  readonly ticket: string
  /** For show, at the first attempt: the worker throws, or it holds the clip until it is killed. */
  readonly trouble?: 'throws' | 'holds' | undefined
}

export interface ClipResult {
  /** The result's own ticket. */
  readonly ticket: string
  readonly sha256: string
  readonly name: string
  readonly attempt: number
  /** The worker that did it. */
  readonly pid: number
}

export function openManager(): TempFileManager {
  return new TempFileManager({ name: 'example-bullmq', handoff: { ttl: '1h' } })
}

/**
 * A worker waits for its server as long as it takes, and BullMQ asks for this setting. A request must be answered: with
 * `failFast` a command fails at once while the server is away.
 */
export function connect({ failFast = false } = {}): Redis {
  const url = process.env['REDIS_URL'] ?? 'redis://127.0.0.1:6379'
  return new Redis(
    url,
    failFast ? { enableOfflineQueue: false, maxRetriesPerRequest: 1 } : { maxRetriesPerRequest: null },
  )
}
