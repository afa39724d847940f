// Act two: the worst day. Two servers share one root; one is killed with -9 in the middle of a 256 MB upload.
// The next start reclaims exactly what the dead one left, finishes the job that had been handed off, and does
// not touch the file that the living one is still receiving.

import { act, check, megabytes, paint, say } from '../stage.ts'
import type { Scene } from './main.ts'
import { becomes, everythingIn, filesIn, show } from './root-view.ts'
import { ServerProcess } from './server-process.ts'
import { discardJob, downloadInHalves, jobDone, MB, postClip, putBig } from './uploads.ts'

export async function actTwo(scene: Scene): Promise<void> {
  act(
    'Act two: kill -9',
    'Two servers on one root, Express and Fastify. One is killed in the middle of an upload.',
  )
  const receiving = { ...scene.env, CLIP_WORK: 'off' }
  const [victim, survivor] = await Promise.all([
    ServerProcess.start('express', receiving),
    ServerProcess.start('fastify', receiving),
  ])
  say(`Express: pid ${victim.pid}    Fastify: pid ${survivor.pid}`)

  const { status, job } = await postClip(victim.url, scene.clip)
  check(
    'a clip is handed off at the Express server',
    status === 202,
    `202, job ${job.id.slice(0, 8)}, not started`,
  )
  const doomed = putBig(victim.url, 256 * MB, 128 * MB)
  const spared = putBig(survivor.url, 64 * MB, 32 * MB)
  await Promise.all([doomed.paused, spared.paused])
  await becomes(scene.root, (files) => files.filter((file) => file.bytes >= 24 * MB).length === 2)

  const killed = await victim.end('SIGKILL')
  doomed.abort()
  check('the Express server is killed, 128 of 256 MB received', killed.signal === 'SIGKILL', 'kill -9')
  await show(scene.root, 'after the kill')
  const lost = (await filesIn(scene.root)).filter((file) => file.bytes > 100 * MB)
  const waste = lost.reduce((sum, file) => sum + file.bytes, 0)
  console.log()

  const next = await ServerProcess.start('express', scene.env)
  const { sessions, bytes, jobs, verdicts } = next.found
  say(paint('cyan', 'the next start sweeps first:'))
  for (const { name, action, reason } of verdicts) {
    say(`   ${action.padEnd(8)} ${name.slice(0, 24)}…  ${paint('dim', reason)}`)
  }
  say(`reclaimed ${megabytes(bytes)} of ${sessions} dead session, took up ${jobs} open job`)
  check('all that the dead server left', sessions === 1 && waste > 0 && bytes >= waste, megabytes(waste))
  const spare = verdicts.find(({ name }) => name.includes(`-${survivor.pid}-`))
  const half = (await filesIn(scene.root)).some((file) => file.bytes >= 24 * MB)
  check('and nothing of the living one, which keeps its half file', half && spare?.action === 'kept')
  await show(scene.root, 'after the next start')
  console.log()

  spared.resume()
  const answer = await spared.answer
  check('its upload ends as if nothing had happened', answer.sha256 === spared.sent(), '64 MB, digest equal')
  const done = await jobDone(next.url, job.id)
  check(
    'the clip handed off before the kill is done, same job',
    done.state === 'done',
    done.result?.name ?? done.error,
  )
  const { sha256 } = await downloadInHalves(next.url, done)
  check('and downloads, digest equal', sha256 === done.result?.sha256)
  await discardJob(next.url, done.id)

  const ends = await Promise.all([next.end('SIGTERM'), survivor.end('SIGTERM')])
  const left = await everythingIn(scene.root)
  check(
    'both stop gracefully',
    ends.every((end) => end.status === 0),
  )
  check('nothing is left on the disk', left.length === 0, left.map((entry) => entry.path).join(' '))
}
