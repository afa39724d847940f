// An upload whose client, server or both are killed again and again. Guarantee: it ends with the right digest and one
// ticket. UPLOAD_BYTES and UPLOAD_KILLS make it long: npm run test:upload-kills.

import { type ChildProcess, spawn } from 'node:child_process'
import { createHash, randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { closeSync, createReadStream, openSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { expect, onTestFinished, test } from 'vitest'
import { bundle } from '../fixtures/bundle.ts'
import { tempBase, tempManager } from '../fixtures/temp-base.ts'

const BYTES = Number(process.env['UPLOAD_BYTES'] ?? 48 * 1024 * 1024)
const KILLS = Number(process.env['UPLOAD_KILLS'] ?? 6)

async function sha256(path: string): Promise<string> {
  const hash = createHash('sha256')
  for await (const chunk of createReadStream(path)) hash.update(chunk)
  return hash.digest('hex')
}

function randomFile(path: string): void {
  const fd = openSync(path, 'w')
  for (let left = BYTES; left > 0; left -= 1024 * 1024)
    writeSync(fd, randomBytes(Math.min(left, 1024 * 1024)))
  closeSync(fd)
}

test(`an upload of ${BYTES} bytes that is killed ${KILLS} times ends with the right digest and one ticket`, async () => {
  const base = tempBase()
  const path = join(base, 'file')
  randomFile(path)
  const programs = await bundle('upload-server', 'upload-client')
  const run = (name: string, ...argv: string[]): ChildProcess => {
    const child = spawn(process.execPath, [join(programs, `${name}.cjs`), ...argv], {
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    onTestFinished(() => void child.kill('SIGKILL'))
    return child
  }
  const watch = tempManager({ baseDir: base, name: 'uploads' })
  const reached = async (point: number): Promise<'kill' | undefined> => {
    for (;;) {
      const [upload] = await watch.uploads()
      if (upload?.state === 'finished') return await new Promise<never>(() => {})
      if ((upload?.bytes ?? 0) >= point) return 'kill'
      await pause(5)
    }
  }
  const startServer = async (at: string): Promise<{ child: ChildProcess; port: string }> => {
    const child = run('upload-server', base, at)
    const [line] = await once(child.stdout ?? child, 'data')
    return { child, port: String(line).trim() }
  }
  let { child: server, port } = await startServer('0')
  const url = `http://127.0.0.1:${port}/files`
  // Listened to at once: a client may end while the server is started again.
  const startClient = () => {
    const child = run('upload-client', url, path)
    const sender = { child, ended: once(child, 'close'), output: '' }
    child.stdout?.on('data', (chunk) => (sender.output += chunk))
    return sender
  }
  let client = startClient()
  let kills = 0
  let restarting: Promise<unknown> = Promise.resolve()
  let answer = ''
  for (;;) {
    // At a random point of the file, not of time: on a busy machine a process may not have started yet.
    const point = ((kills + Math.random()) / (KILLS + 1)) * BYTES
    const due = kills < KILLS ? reached(point) : new Promise<never>(() => {})
    const first = await Promise.race([client.ended, due])
    if (first !== 'kill') {
      expect(first).toEqual([0, null])
      answer = client.output
      break
    }
    const victims = (['client', 'server', 'both'] as const)[kills++ % 3]
    if (victims !== 'client') {
      server.kill('SIGKILL')
      await once(server, 'exit')
      restarting = startServer(port).then((next) => (server = next.child))
      await restarting
    }
    if (victims !== 'server') {
      client.child.kill('SIGKILL')
      await client.ended
      client = startClient()
    }
  }
  await restarting
  server.kill('SIGKILL')
  await once(server, 'exit')
  const { ticket, bytes, digest } = JSON.parse(answer)
  expect([bytes, digest]).toEqual([BYTES, await sha256(path)])
  const manager = watch
  await manager.sweep()
  expect((await manager.handoffs()).map((handoff) => handoff.ticket)).toEqual([ticket])
  await using claim = await manager.claim(ticket)
  expect(await sha256(claim.path)).toBe(digest)
  if (KILLS > 6) console.log(`${kills} kills, ${BYTES} bytes`)
}, 1_800_000)
