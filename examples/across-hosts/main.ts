// Several hosts, one Ceph gateway, one Redis. Clips are received on one host and processed on others, while workers are
// killed with -9, cables are cut and the gateway is stopped and started. Ends with status 0 only if every clip was
// completed, none twice, each result is right, and no object is left.
//
//   CLIPS=20 HOSTS=2 KILLS=2 CUTS=6 RESTARTS=1 npm run example:across-hosts     (needs root; these are the defaults)

import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { CreateBucketCommand, ListObjectsV2Command } from '@aws-sdk/client-s3'
import { Queue } from 'bullmq'
import { TempFileManager } from 'temp-file-manager'
import type { S3Handoffs } from 'temp-file-manager/s3'
import { act, brokenClaims, check, say } from '../stage.ts'
import { Clips } from './clips.ts'
import { type Host, openNetwork } from './network.ts'
import {
  BUCKET,
  type ClipJob,
  type ClipResult,
  connectRedis,
  LEASE_MS,
  openClient,
  openStore,
  QUEUE,
} from './shared.ts'
import { WorkerHost } from './worker-host.ts'

const number = (name: string, otherwise: number): number => Number(process.env[name] ?? otherwise)
const CLIPS = number('CLIPS', 20)
const HOSTS = number('HOSTS', 2)
const KILLS = number('KILLS', 2)
const CUTS = number('CUTS', 6)
const RESTARTS = number('RESTARTS', 1)
/** A cable is cut in each of these steps in turn: for less than a lease, and in every second turn for longer. */
const STEPS = ['receive', 'claim', 'download', 'renew', 'publish', 'complete'] as const
const SHORT_CUT_MS = 2000
const LONG_CUT_MS = LEASE_MS + 3000
const LARGE_CLIP = 48 * 1024 * 1024
const CEPH = fileURLToPath(new URL('../../scripts/ceph.sh', import.meta.url))

const folder = mkdtempSync(join(tmpdir(), 'across-hosts-'))
const ceph = (command: string, ...args: string[]): string =>
  execFileSync(CEPH, [command, join(folder, 'ceph'), ...args], { encoding: 'utf8' })
const network = openNetwork()
const redisServer = spawn(
  'redis-server',
  [
    ...['--port', '6379', '--bind', network.address, '--protected-mode', 'no', '--dir', folder],
    ...['--save', '', '--appendonly', 'no', '--maxmemory-policy', 'noeviction'],
  ],
  { stdio: 'ignore' },
)
try {
  const gateway = JSON.parse(ceph('start', '7480', network.address)) as Record<string, string> // as the script prints it
  process.env['S3_ENDPOINT'] = gateway['endpoint']
  process.env['S3_ACCESS_KEY_ID'] = gateway['accessKeyId']
  process.env['S3_SECRET_ACCESS_KEY'] = gateway['secretAccessKey']
  process.env['REDIS_URL'] = `redis://${network.address}:6379`
  await run()
} finally {
  await network.close()
  redisServer.kill('SIGKILL')
  if (redisServer.exitCode === null && redisServer.signalCode === null) await once(redisServer, 'exit')
  ceph('stop')
  rmSync(folder, { recursive: true, force: true })
}
process.exitCode = brokenClaims() === 0 ? 0 : 1

async function run(): Promise<void> {
  await openClient().send(new CreateBucketCommand({ Bucket: BUCKET }))
  const redis = connectRedis()
  const queue = new Queue<ClipJob, ClipResult>(QUEUE, { connection: redis })
  const web = network.host('web')
  const { message } = await web.start('web', {})
  const url = `http://${web.address}:${(message as { port: number }).port}` // web.ts sends it
  const workers = Array.from(
    { length: HOSTS },
    (_, index) => new WorkerHost(network.host(`worker${index + 1}`)),
  )
  await Promise.all(workers.map((worker) => worker.start()))
  act('Hosts', `web and ${HOSTS} workers: each has its own network, mounts, host name, pids and root.`)
  const started = performance.now()
  const clips = new Clips(url)
  const trouble = troubles(web, workers, clips, queue)
  await clips.publish(CLIPS)
  say(`${CLIPS} clips published in ${seconds(started)}`)
  await trouble
  const { digests } = clips
  await finished(queue)
  say(
    `all jobs ended after ${seconds(started)}; ${workers.reduce((sum, { starts }) => sum + starts, 0)} workers were started, ${KILLS} killed`,
  )

  act('What holds', 'After all of that:')
  const results = await redis.hgetall('results')
  const right = [...digests].filter(([ticket, digest]) => digestIn(results[ticket]) === digest)
  check(
    'every clip has its result, digest equal',
    right.length === digests.size,
    `${right.length} of ${digests.size}`,
  )
  const acknowledged = Object.values(await redis.hgetall('acknowledged'))
  check(
    'none was acknowledged twice',
    acknowledged.every((count) => count === '1'),
    `${acknowledged.length} noted`,
  )
  const claims = Object.values(await redis.hgetall('claims')).reduce((sum, count) => sum + Number(count), 0)
  say(`claims in all: ${claims}`)
  await checkStore(new Set(digests.keys()), Object.values(results).map(ticketIn))
  await queue.obliterate({ force: true })
  await queue.close()
  redis.disconnect()
}

/** Kills, cuts and restarts, one after the other, spread over the jobs; each meets a worker in the middle of its work. */
async function troubles(
  web: Host,
  workers: readonly WorkerHost[],
  clips: Clips,
  queue: Queue,
): Promise<void> {
  let cuts = 0
  const kinds = [
    ...Array.from({ length: KILLS }, () => 'kill' as const),
    ...Array.from({ length: CUTS }, () => 'cut' as const),
    ...Array.from({ length: RESTARTS }, () => 'restart' as const),
  ].sort(() => Math.random() - 0.5)
  for (const [index, kind] of kinds.entries()) {
    const share = (CLIPS * (index + 0.5)) / (kinds.length + 1)
    while ((await queue.getCompletedCount()) < share) await wait(50)
    const worker = workers[index % workers.length]
    if (worker === undefined) continue
    if (kind === 'kill') {
      await worker.claims()
      say(`kill: ${worker.host.name}`)
      await worker.kill()
      await worker.start()
    } else if (kind === 'cut') {
      await cut(cuts, web, workers, clips)
      cuts += 1
    } else {
      await worker.claims()
      say('restart: the gateway')
      ceph('gateway-down')
      await wait(2000)
      ceph('gateway-up')
    }
  }
}

/** Cuts a cable in the middle of a step: that of the first worker that comes to it, or of the receiving host. */
async function cut(count: number, web: Host, workers: readonly WorkerHost[], clips: Clips): Promise<void> {
  const step = STEPS[count % STEPS.length] ?? 'receive'
  const ms = Math.floor(count / STEPS.length) % 2 === 0 ? SHORT_CUT_MS : LONG_CUT_MS
  // One more clip, so that there is one that comes to this step.
  const more = clips.publish(1, step === 'download' ? LARGE_CLIP : undefined)
  const { host } =
    step === 'receive' ? { host: web } : await Promise.race(workers.map((each) => each.begins(step)))
  host.cut(true)
  for (const worker of workers) worker.goOn()
  say(`cut: ${host.name} for ${ms / 1000} s, step: ${step}`)
  await wait(ms)
  host.cut(false)
  await more
}

async function finished(queue: Queue): Promise<void> {
  for (;;) {
    const { waiting = 0, active = 0, delayed = 0 } = await queue.getJobCounts('waiting', 'active', 'delayed')
    if (waiting + active + delayed === 0) return
    await wait(100)
  }
}

/** A publish whose answer was lost is there twice; that ticket has no job, and expires. The rest is empty. */
async function checkStore(clips: ReadonlySet<string>, results: readonly string[]): Promise<void> {
  await using manager = new TempFileManager({ name: `${BUCKET}-check` })
  await using store = openStore(manager)
  await discardAll(store, results)
  let clipsLeft = 0
  for (;;) {
    // Besides clips: results of killed workers, which nobody knows.
    const left = (await store.handoffs()).map(({ ticket }) => ticket)
    if (left.length === 0) break
    clipsLeft += left.filter((ticket) => clips.has(ticket)).length
    await discardAll(store, left)
  }
  check('no clip is left in the store', clipsLeft === 0)
  const report = await store.sweep({ orphansAfter: 0, uploadsAfter: 0, tombstonesAfter: 0, timeLimit: '10m' })
  await store.sweep({ tombstonesAfter: 0, timeLimit: '10m' })
  const { KeyCount = -1 } = await openClient().send(new ListObjectsV2Command({ Bucket: BUCKET }))
  check(
    'no object is left after the sweep',
    KeyCount === 0,
    `${report.items.length} removed, ${KeyCount} left`,
  )
}

async function discardAll(store: S3Handoffs, tickets: readonly string[]): Promise<void> {
  const queue = tickets.values()
  const worker = async (): Promise<void> => {
    for (const ticket of queue) await store.discard(ticket)
  }
  await Promise.all(Array.from({ length: 16 }, worker))
}

function parse(result: string | undefined): ClipResult | undefined {
  return result === undefined ? undefined : (JSON.parse(result) as ClipResult) // as worker.ts notes it
}

function digestIn(result: string | undefined): string | undefined {
  return parse(result)?.sha256
}

function ticketIn(result: string): string {
  return parse(result)?.ticket ?? ''
}

function seconds(since: number): string {
  return `${((performance.now() - since) / 1000).toFixed(1)} s`
}
