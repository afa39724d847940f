// A worker thread's task: claim a clip, make its result, let the clip go. Guarantee: whatever kills the thread,
// the clip or its result is still there, and goes to the next thread that asks.

import { parentPort } from 'node:worker_threads'
import { acrossThreads, type Refused } from './across-threads.ts'
import { type ClipDone, makeResult } from './make-result.ts'
import { openManager } from './manager.ts'
import type { ClipMeta } from './meta.ts'

export interface ClipTask {
  readonly ticket: string
}

/** Posted to the pool while the thread works. */
export interface ClipProgress {
  readonly job: string
  readonly attempt: number
  readonly percent: number
}

// One manager a thread: its own session, its own proof of life. A thread that dies gives its claims back.
const manager = openManager()

export default function processClip({ ticket }: ClipTask): Promise<ClipDone | Refused> {
  return acrossThreads(() => work(ticket))
}

async function work(ticket: string): Promise<ClipDone> {
  await using clip = await manager.claim<ClipMeta>(ticket)
  const { job } = clip.meta
  const report = (percent: number) =>
    parentPort?.postMessage({ job, attempt: clip.attempt, percent } satisfies ClipProgress)
  report(0)
  const done = await makeResult(clip, manager, report)
  await clip.complete()
  return done
}
