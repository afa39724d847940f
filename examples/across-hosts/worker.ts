// A worker on another host: claims a ticket's file, works on it, hands the result back, completes.
//   1. claim the clip           killed here: its lease ends, another worker claims it
//   2. hand off the result      killed here: the same; a sweep removes the result that nobody knows at its TTL
//   3. note the result's ticket killed here: the next worker makes the result again
//   4. complete the clip        killed here: the next worker finds the note and no clip

import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { setTimeout as wait } from 'node:timers/promises'
import { Worker } from 'bullmq'
import { isTempFileError, TempFileManager } from 'temp-file-manager'
import type { S3Claim } from 'temp-file-manager/s3'
import { haveFfmpeg, transcode } from '../service/ffmpeg.ts'
import { atStep, reportDownloadsOf } from './cut-points.ts'
import { BUCKET, type ClipJob, type ClipResult, connectRedis, LEASE_MS, openStore, QUEUE } from './shared.ts'

const manager = new TempFileManager({ name: BUCKET })
const store = openStore(manager)
const redis = connectRedis()
const transcodes = process.env['TRANSCODE'] === '1' && (await haveFfmpeg())
await store.probe()

const worker = new Worker<ClipJob, ClipResult>(QUEUE, async ({ data }) => await processTicket(data), {
  connection: connectRedis(),
  concurrency: Number(process.env['CONCURRENCY'] ?? 1),
  // Short, as the lease: a killed worker's job is seen again after two seconds.
  lockDuration: 2000,
  stalledInterval: 1000,
  maxStalledCount: 1000,
})

async function processTicket({ ticket, bytes }: ClipJob): Promise<ClipResult> {
  await atStep('claim')
  reportDownloadsOf(ticket, bytes)
  try {
    const result = await store.withClaim(ticket, (claim) => work(ticket, claim))
    await redis.hincrby('acknowledged', ticket, 1) // for the example's own count
    return result
  } catch (error) {
    // Gone: another worker completed it, and has noted its result before that.
    const noted =
      isTempFileError(error) && error.code === 'ERR_TEMP_HANDOFF_GONE'
        ? await redis.hget('results', ticket)
        : null
    if (noted === null) throw error
    return JSON.parse(noted) as ClipResult // as it was noted below
  }
}

async function work(ticket: string, claim: S3Claim): Promise<ClipResult> {
  await redis.hincrby('claims', ticket, 1)
  process.send?.({ claimed: ticket, attempt: claim.attempt }, () => {}) // the example may have ended
  // The renewal falls into this wait: it is due at a third of the lease.
  if (await atStep('renew')) await wait(LEASE_MS / 2, undefined, { signal: claim.signal })
  await using scope = manager.scope()
  const output = scope.file('.mp4')
  if (transcodes) await transcode(claim.path, output.path, { signal: claim.signal })
  else await output.write(createReadStream(claim.path), { signal: claim.signal })
  const sha256 = createHash('sha256')
  for await (const chunk of output.createReadStream()) sha256.update(chunk)
  await atStep('publish')
  const result = {
    ticket: await store.handOff(output, { ttl: '1h', meta: ticket }),
    sha256: sha256.digest('hex'),
  }
  claim.signal.throwIfAborted() // another worker may have it by now: then its result counts
  await redis.hset('results', ticket, JSON.stringify(result))
  await atStep('complete')
  return result
}

worker.on('error', () => {}) // Redis behind a cut cable: BullMQ connects again
await worker.waitUntilReady()
process.send?.({ ready: true })
process.once('disconnect', () => process.exit())
