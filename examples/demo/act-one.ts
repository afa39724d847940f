// Act one: a server's ordinary day. A clip goes through handoff to a worker and back to a download; 256 MB
// arrive in flat memory; a client hangs up half way; the server is stopped; nothing is left.

import { stat } from 'node:fs/promises'
import { act, check, megabytes, paint, say, sparkline } from '../stage.ts'
import type { Scene } from './main.ts'
import { becomes, everythingIn, show } from './root-view.ts'
import { ServerProcess } from './server-process.ts'
import { digestOf, discardJob, downloadInHalves, jobDone, MB, postClip, putBig } from './uploads.ts'

export async function actOne(scene: Scene): Promise<void> {
  act('Act one: an ordinary day', 'An Express server receives, hands off, works, serves, and is stopped.')
  const server = await ServerProcess.start('express', scene.env)
  say(`server started: pid ${server.pid}, ${server.url}`)
  await show(scene.root, 'before')
  console.log()

  await clipThereAndBack(scene, server)
  await bigUpload(scene, server)
  await hungUp(scene, server)

  const ended = await server.end('SIGTERM')
  check('SIGTERM stops the server gracefully', ended.status === 0, `exit status ${ended.status}`)
  const left = await everythingIn(scene.root)
  await show(scene.root, 'after the stop')
  check('nothing is left on the disk', left.length === 0, left.map((entry) => entry.path).join(' '))
}

async function clipThereAndBack(scene: Scene, server: ServerProcess): Promise<void> {
  const { size } = await stat(scene.clip)
  const { status, job } = await postClip(server.url, scene.clip)
  check(
    'a clip is uploaded and handed off',
    status === 202 && job.bytes === size,
    `202, job ${job.id.slice(0, 8)}, ${megabytes(size)}`,
  )
  check(
    'the server measured the same digest as the file has',
    job.sha256 === (await digestOf(scene.clip)),
    `sha-256 ${job.sha256.slice(0, 12)}…`,
  )
  const done = await jobDone(server.url, job.id)
  const made =
    done.result === undefined
      ? (done.error ?? '')
      : `${done.result.name} by ${done.result.madeBy}, ${megabytes(done.result.bytes)}`
  check('a worker thread claimed it and made a result', done.state === 'done' && done.attempt === 1, made)
  const { sha256, statuses } = await downloadInHalves(server.url, done)
  check(
    'the result comes back, in two Range halves, digest equal',
    sha256 === done.result?.sha256,
    statuses.join(' + '),
  )
  await discardJob(server.url, done.id)
  check('discarded: the root is empty again', await becomes(scene.root, (files) => files.length === 0))
  console.log()
}

async function bigUpload(scene: Scene, server: ServerProcess): Promise<void> {
  // Once small, so that what is measured is the upload and not the loading of its route.
  await putBig(server.url, 8 * MB).answer
  const before = (await server.stats()).memory.rss
  const memory: number[] = []
  const upload = putBig(server.url, 256 * MB, 160 * MB)
  const watching = watchMemory(server, memory)
  await upload.paused
  await show(scene.root, 'during a 256 MB upload')
  upload.resume()
  const answer = await upload.answer
  watching.stop()
  const peak = Math.max(before, ...memory)
  check(
    '256 MB arrived, digest equal',
    answer.bytes === 256 * MB && answer.sha256 === upload.sent(),
    `sha-256 ${answer.sha256.slice(0, 12)}…`,
  )
  say(
    `${paint('cyan', 'server memory')} ${sparkline([before, ...memory], 256 * MB)} ${paint('dim', `${megabytes(before)} before, ${megabytes(peak)} at most (full scale: 256 MB)`)}`,
  )
  check(
    "the server's memory stayed flat",
    peak - before < 64 * MB,
    `${megabytes(Math.max(0, peak - before))} more, for 256 MB`,
  )
  check('the file ended with its request', await becomes(scene.root, (files) => files.length === 0))
  console.log()
}

function watchMemory(server: ServerProcess, memory: number[]): { stop(): void } {
  let busy = false
  const timer = setInterval(async () => {
    if (busy) return
    busy = true
    const stats = await server.stats().catch(() => undefined)
    if (stats !== undefined) memory.push(stats.memory.rss)
    busy = false
  }, 25)
  return { stop: () => clearInterval(timer) }
}

async function hungUp(scene: Scene, server: ServerProcess): Promise<void> {
  const upload = putBig(server.url, 64 * MB, 32 * MB)
  await upload.paused
  const arrived = await becomes(scene.root, (files) => files.some((file) => file.bytes >= 24 * MB))
  await show(scene.root, 'while a third upload is half way')
  upload.abort()
  check('the client hung up half way', arrived, '32 of 64 MB sent')
  check('its half file is removed at once', await becomes(scene.root, (files) => files.length === 0))
  await show(scene.root, 'after the abort')
  console.log()
}
