// A worker process. Guarantee: a job that throws, or whose worker is killed, finds its clip again at the next
// attempt, in whichever process that runs; a job that succeeded has no clip any more.

import { stat } from 'node:fs/promises'
import { Worker } from 'bullmq'
import closeWithGrace from 'close-with-grace'
import { type Claim, isTempFileError } from 'temp-file-manager'
import { makeResult } from '../service/make-result.ts'
import { type ClipMeta, type ResultMeta, readMeta } from '../service/meta.ts'
import { type ClipJob, type ClipResult, connect, openManager, QUEUE } from './queue.ts'

/** Sent to the parent as soon as a clip is claimed. */
export interface Claimed {
  readonly claimed: string
  readonly attempt: number
  /** Distinguishes the file from a copy of it. */
  readonly inode: number
}

const manager = openManager()
const connection = connect()

const worker = new Worker<ClipJob, ClipResult>(
  QUEUE,
  async ({ data }) => {
    try {
      // Completes the handoff when this returns, releases it when it throws.
      return await manager.withClaim<ClipMeta, ClipResult>(data.ticket, (clip) => work(clip, data))
    } catch (error) {
      const gone = isTempFileError(error) && error.code === 'ERR_TEMP_HANDOFF_GONE'
      const finished = gone ? await findResult(data.ticket) : undefined
      if (finished === undefined) throw error
      return finished
    }
  },
  // Short, so that the example need not wait half a minute (the default) to see a killed worker's job again.
  { connection, lockDuration: 2_000, stalledInterval: 1_000, concurrency: 1 },
)

async function work(clip: Claim<ClipMeta>, { ticket, trouble }: ClipJob): Promise<ClipResult> {
  const { ino: inode } = await stat(clip.path)
  process.send?.({ claimed: ticket, attempt: clip.attempt, inode } satisfies Claimed)
  if (clip.attempt === 1 && trouble === 'throws') throw new Error('the codec had the hiccups')
  if (clip.attempt === 1 && trouble === 'holds') await new Promise(() => undefined)
  const done = await makeResult(clip, manager)
  return resultOf(done.ticket, done.result)
}

/** A worker that died after it completed a clip, and before it reported that to BullMQ, has left its result, handed off. */
async function findResult(clip: string): Promise<ClipResult | undefined> {
  for (const { ticket, meta } of await manager.handoffs()) {
    const result = readMeta(meta)
    if (result?.kind === 'result' && result.from === clip) return resultOf(ticket, result)
  }
  return undefined
}

function resultOf(ticket: string, { sha256, name, attempt }: ResultMeta): ClipResult {
  return { ticket, sha256, name, attempt, pid: process.pid }
}

worker.on('error', (error) => console.error(error))
await worker.waitUntilReady()
process.send?.({ ready: true })

const { close } = closeWithGrace({ delay: 5_000 }, async () => {
  await worker.close(true)
  connection.disconnect()
  await manager.close()
})
if (process.connected) process.once('disconnect', close)
