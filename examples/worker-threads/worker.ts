// The worker thread. Guarantee: it works on what it has claimed and on a scratch directory of its own, so its
// death at any point leaves the clip for the next attempt and nothing else.

import { parentPort } from 'node:worker_threads'
import { TempFileManager } from 'temp-file-manager'
import { acrossThreads, type Refused } from '../service/across-threads.ts'
import { type ClipDone, makeResult } from '../service/make-result.ts'
import type { ClipMeta } from '../service/meta.ts'

export interface Task {
  readonly ticket: string
  /** The failure of the first attempt, for show: nobody answers, or the thread crashes. */
  readonly trouble?: 'waits' | 'crashes'
}

/** Posted when the clip has been claimed. */
export interface Claimed {
  readonly ticket: string
  readonly attempt: number
}

const manager = new TempFileManager({ name: 'example-worker-threads' })

export default function run(task: Task): Promise<ClipDone | Refused> {
  return acrossThreads(() => work(task))
}

async function work({ ticket, trouble }: Task): Promise<ClipDone> {
  await using clip = await manager.claim<ClipMeta>(ticket)
  parentPort?.postMessage({ ticket, attempt: clip.attempt } satisfies Claimed)
  if (clip.attempt === 1 && trouble !== undefined) await fail(trouble)
  const done = await makeResult(clip, manager)
  await clip.complete()
  return done
}

async function fail(trouble: 'waits' | 'crashes'): Promise<never> {
  if (trouble === 'crashes') {
    // Outside of any promise: no catch, no finally, no `using` of this thread runs.
    setImmediate(() => {
      throw new Error('a bug in a codec binding')
    })
  }
  return await new Promise<never>(() => undefined)
}
