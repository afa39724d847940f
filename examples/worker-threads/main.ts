// Clips through a Piscina pool by handoff. Shows: four clips at once, a task that is aborted, a worker that
// crashes. Guarantee: ends by itself, with status 0 only if nothing was lost and nothing is left.

import { createReadStream } from 'node:fs'
import { readdir } from 'node:fs/promises'
import { availableParallelism } from 'node:os'
import { basename, extname, join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { Piscina } from 'piscina'
import { isTempFileError, TempFileManager } from 'temp-file-manager'
import { type Refused, received } from '../service/across-threads.ts'
import { haveFfmpeg } from '../service/ffmpeg.ts'
import type { ClipDone } from '../service/make-result.ts'
import type { ClipMeta, ResultMeta } from '../service/meta.ts'
import { act, brokenClaims, check, megabytes, say } from '../stage.ts'
import type { Claimed, Task } from './worker.ts'

const manager = new TempFileManager({ name: 'example-worker-threads' })
const pool = new Piscina<Task, ClipDone | Refused>({
  filename: fileURLToPath(new URL('worker.ts', import.meta.url)),
  minThreads: 0,
  maxThreads: Math.max(2, Math.min(4, availableParallelism())),
  idleTimeout: 1_000,
  // A thread that waits with Atomics.wait runs no timer: its session could not look after itself.
  atomics: 'disabled',
})

/** Receives a clip and publishes it for the pool. The scope ends here; the clip does not. */
async function receive(name: string): Promise<string> {
  const source = createReadStream(new URL(`../../test/fixtures/media/${name}`, import.meta.url))
  await using clip = await manager.receive(source, { suffix: extname(name), hash: 'sha256' })
  const meta: ClipMeta = {
    kind: 'clip',
    job: name,
    name: basename(name),
    bytes: clip.bytes,
    sha256: clip.digest ?? '',
  }
  return await clip.handOff({ meta })
}

/** The pool reports an ended thread a moment before the thread has ended; until then the clip is still held. */
async function runAgain(ticket: string): Promise<ClipDone> {
  for (;;) {
    try {
      return received(await pool.run({ ticket }))
    } catch (error) {
      if (!isTempFileError(error) || error.code !== 'ERR_TEMP_HANDOFF_CLAIMED') throw error
      await setTimeout(20)
    }
  }
}

/** Takes the result over, reads what it is, and is done with it. */
async function collect({ ticket }: ClipDone): Promise<ResultMeta> {
  await using result = await manager.claim<ResultMeta>(ticket)
  await result.complete()
  return result.meta
}

function describe({ name, bytes, madeBy, attempt }: ResultMeta): string {
  return `${name}, ${megabytes(bytes)}, by ${madeBy}, attempt ${attempt}`
}

/** Resolves when a worker reports that it has claimed this ticket. */
function claimed(ticket: string): Promise<Claimed> {
  return new Promise((resolve) => {
    const listen = (message: Claimed) => {
      if (message.ticket !== ticket) return
      pool.off('message', listen)
      resolve(message)
    }
    pool.on('message', listen)
  })
}

async function fourAtOnce(): Promise<void> {
  act(
    'Four clips at once',
    'The main thread receives and hands off; worker threads claim, work, and hand back.',
  )
  const names = ['clip.mkv', 'clip.mov', 'clip.webm', 'clip.avi']
  const results = await Promise.all(
    names.map(async (name) => collect(received(await pool.run({ ticket: await receive(name) })))),
  )
  for (const result of results) check(result.upload.name, result.attempt === 1, describe(result))
}

async function abortedTask(): Promise<void> {
  act('An aborted task', 'The pool ends a thread by force; what it had claimed is not its to take along.')
  const ticket = await receive('clip.mp4')
  const abort = new AbortController()
  const holding = claimed(ticket)
  const first = pool
    .run({ ticket, trouble: 'waits' }, { signal: abort.signal })
    .catch((error: Error) => error.name)
  await holding
  abort.abort()
  check('the task was aborted while it held the clip', (await first) === 'AbortError')
  const result = await collect(await runAgain(ticket))
  check('the next one claims the same clip', result.attempt === 2, describe(result))
}

async function crashedWorker(): Promise<void> {
  act('A crashed worker', 'An exception outside of any promise: no finally of that thread runs.')
  const ticket = await receive('clip.mp4')
  const first = await pool.run({ ticket, trouble: 'crashes' }).catch((error: Error) => error.message)
  check(
    'the worker crashed while it held the clip',
    first === 'a bug in a codec binding',
    `"${String(first)}"`,
  )
  const result = await collect(await runAgain(ticket))
  check('the next one claims the same clip', result.attempt === 2, describe(result))
}

if (!(await haveFfmpeg())) say('ffmpeg is not installed here: the workers compute a digest instead.')
try {
  await fourAtOnce()
  await abortedTask()
  await crashedWorker()
} finally {
  await pool.close()
}
// The threads that the pool has ended left their sessions behind; a sweep proves them dead.
await manager.sweep()
act('What is left', 'After the pool has closed.')
check('no handoff', (await manager.handoffs()).length === 0)
await manager.close()
const sessions = await readdir(join(manager.root, 'sessions'))
check('no session, and so no file', sessions.length === 0, sessions.join(' '))
process.exitCode = brokenClaims() === 0 ? 0 : 1
