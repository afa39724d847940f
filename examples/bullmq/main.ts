// One HTTP process, two worker processes, a real Redis server. Shows: a job done, a job retried after a throw,
// a worker killed with -9 in the middle of its job, a job removed before a worker came, a queue that refuses a job.
// Guarantee: it ends by itself, with status 0 only if every clip was where it should be, and with no process and no file left.

import { type ChildProcess, fork } from 'node:child_process'
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { readFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { Queue } from 'bullmq'
import { haveFfmpeg } from '../service/ffmpeg.ts'
import { act, brokenClaims, check, say } from '../stage.ts'
import type { Listening } from './http.ts'
import { type ClipJob, type ClipResult, connect, openManager, QUEUE } from './queue.ts'
import { startRedis } from './redis.ts'
import type { Claimed } from './worker.ts'

interface JobState {
  readonly state: string
  readonly result: ClipResult | null
}

const children = new Set<ChildProcess>()

async function start(module: 'http' | 'worker'): Promise<{ child: ChildProcess; message: unknown }> {
  const child = fork(fileURLToPath(new URL(`${module}.ts`, import.meta.url)), {
    // `--import` looks for tsx from the working directory.
    cwd: fileURLToPath(new URL('../..', import.meta.url)),
    execArgv: ['--import', 'tsx'],
    env: process.env,
  })
  children.add(child)
  child.once('exit', () => children.delete(child))
  const [message] = await Promise.race([
    once(child, 'message'),
    once(child, 'exit').then(() => Promise.reject(new Error(`The ${module} process did not start.`))),
  ])
  return { child, message }
}

async function end(child: ChildProcess, signal: 'SIGTERM' | 'SIGKILL'): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  child.kill(signal)
  await once(child, 'exit')
}

await using manager = openManager()
await using redis = await startRedis(manager)
process.env['REDIS_URL'] = redis.url
say(`Redis: ${redis.origin}`)
if (!(await haveFfmpeg())) say('ffmpeg is not installed here: the workers compute a digest instead.')

const connection = connect()
const queue = new Queue<ClipJob, ClipResult>(QUEUE, { connection })
// A server that REDIS_URL names may hold a queue of an earlier run.
await queue.obliterate({ force: true })

const http = await start('http')
// The first message of http.ts is its address.
const { url } = http.message as Listening
const workers = [(await start('worker')).child, (await start('worker')).child]
say(`HTTP: pid ${http.child.pid}   workers: pid ${workers.map((worker) => worker.pid).join(' and ')}`)

async function send(query = ''): Promise<Response> {
  const body = await readFile(new URL('../../test/fixtures/media/clip.mkv', import.meta.url))
  return await fetch(new URL(`clips/clip.mkv${query}`, url), { method: 'PUT', body })
}

async function put(query = ''): Promise<{ job: string; ticket: string }> {
  const response = await send(query)
  if (response.status !== 202) throw new Error(`PUT answered ${response.status}: ${await response.text()}`)
  // 202 comes with these two (http.ts).
  return (await response.json()) as { job: string; ticket: string }
}

async function settled(job: string): Promise<JobState> {
  for (;;) {
    const response = await fetch(new URL(`jobs/${job}`, url))
    // GET /jobs/:id answers with these two and more (http.ts).
    const state = (await response.json()) as JobState
    if (state.state === 'completed' || state.state === 'failed') return state
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
}

/** All messages of the workers about a ticket from now on. */
function hear(ticket: string): {
  claims: (Claimed & { worker: ChildProcess })[]
  first: Promise<ChildProcess>
} {
  const claims: (Claimed & { worker: ChildProcess })[] = []
  const first = new Promise<ChildProcess>((resolve) => {
    for (const worker of workers) {
      worker.on('message', (message: Claimed) => {
        if (message.claimed !== ticket) return
        claims.push({ ...message, worker })
        resolve(worker)
      })
    }
  })
  return { claims, first }
}

/** Downloads the whole result, and returns whether that ended it. */
async function download(job: string, result: ClipResult | null): Promise<void> {
  const response = await fetch(new URL(`jobs/${job}/result`, url))
  const digest = createHash('sha256')
    .update(new Uint8Array(await response.arrayBuffer()))
    .digest('hex')
  check('the result downloads, digest equal', digest === result?.sha256, result?.name)
}

async function gone(ticket: string): Promise<boolean> {
  const state = await manager.inspect(ticket).catch((error: { code?: string }) => error.code)
  return state === 'ERR_TEMP_HANDOFF_GONE'
}

async function ordinary(): Promise<void> {
  act('A job', "The job's data holds a ticket, 26 characters; the clip never goes through Redis.")
  const { job, ticket } = await put()
  const { state, result } = await settled(job)
  check('completed', state === 'completed', `by worker pid ${result?.pid}, attempt ${result?.attempt}`)
  check("the completed job's file is removed", await gone(ticket))
  await download(job, result)
}

async function retried(): Promise<void> {
  act('A job that throws', 'withClaim gives the clip back; BullMQ tries the job again.')
  await queue.pause()
  const { job, ticket } = await put('?trouble=throws')
  const { claims } = hear(ticket)
  await queue.resume()
  const { state, result } = await settled(job)
  check(
    'completed at the second attempt',
    state === 'completed' && result?.attempt === 2,
    `by worker pid ${result?.pid}`,
  )
  const [first, second] = claims
  check(
    'which claimed the same file again',
    claims.length === 2 && first?.inode === second?.inode,
    `inode ${first?.inode}`,
  )
  await download(job, result)
}

async function killed(): Promise<void> {
  act(
    'A worker killed with -9 in the middle of its job',
    'Nothing of it runs any more: no finally, no exit hook.',
  )
  await queue.pause()
  const { job, ticket } = await put('?trouble=holds')
  const { claims, first } = hear(ticket)
  await queue.resume()
  const victim = await first
  await end(victim, 'SIGKILL')
  say(`killed worker pid ${victim.pid}; waiting for BullMQ to notice (lockDuration 2 s)`)
  const { state, result } = await settled(job)
  const other = workers.find((worker) => worker !== victim)
  check(
    'the other worker did the job',
    state === 'completed' && result?.pid === other?.pid,
    `pid ${result?.pid}, attempt ${result?.attempt}`,
  )
  check(
    'with the same file',
    claims.length === 2 && claims[0]?.inode === claims[1]?.inode,
    `inode ${claims[0]?.inode}`,
  )
  check('which is removed now', await gone(ticket))
  await download(job, result)
}

async function removed(): Promise<void> {
  act(
    'A job removed before a worker came',
    'Its clip was handed off for one second; expiry is the work of the sweep.',
  )
  await queue.pause()
  const { job, ticket } = await put('?ttl=1s')
  await (await queue.getJob(job))?.remove()
  await queue.resume()
  check('the job is removed, its clip still waits', (await manager.inspect(ticket)).ticket === ticket)
  let expired = false
  // Until the second is over by the volume's clock.
  for (const patience = Date.now() + 10_000; !expired && Date.now() < patience; ) {
    await new Promise((resolve) => setTimeout(resolve, 200))
    await manager.sweep()
    expired = await gone(ticket)
  }
  check('a sweep after its time has removed it', expired)
}

async function refused(): Promise<void> {
  act(
    'A queue that refuses the job',
    'Redis is full. No worker would ever learn of the ticket, so it is discarded.',
  )
  if (redis.origin === 'REDIS_URL') return say('Left out: it would fill the server that REDIS_URL names.')
  await connection.config('SET', 'maxmemory', '1')
  const response = await send()
  const error = await response.text()
  await connection.config('SET', 'maxmemory', '0')
  check('the client is answered with an error', response.status === 503, error.slice(0, 60))
  check('the clip of the refused job is removed', (await manager.handoffs()).length === 0)
}

try {
  await ordinary()
  await retried()
  await killed()
  await removed()
  await refused()
} finally {
  act('What is left', 'After the processes have been stopped.')
  await Promise.all([...children].map((child) => end(child, 'SIGTERM')))
  await queue.obliterate({ force: true })
  await queue.close()
  connection.disconnect()
}
await manager.sweep()
check('no handoff', (await manager.handoffs()).length === 0)
process.exitCode = brokenClaims() === 0 ? 0 : 1
