// The use of the disk, per session and handoff, with their owners.

import fs, { renameSync, writeFileSync } from 'node:fs'
import { hostname } from 'node:os'
import { basename, join } from 'node:path'
import { expect, test } from 'vitest'
import { craftSession, REUSED_PID } from '../fixtures/crafted-session.ts'
import { failure } from '../fixtures/failures.ts'
import { silentDisk } from '../fixtures/silent-disk.ts'
import { tempManager } from '../fixtures/temp-base.ts'

test('usage reports files, bytes, owner and verdict of each, and changes nothing', async () => {
  const manager = tempManager()
  fs.writeFileSync(manager.file().path, Buffer.alloc(10_000))
  const ticket = await (await manager.receive(Buffer.alloc(500))).handOff()
  const dead = craftSession(manager.root, { owner: REUSED_PID, files: { a: 'aaa', b: 'bb' } })
  const tombstone = craftSession(manager.root, { owner: REUSED_PID })
  renameSync(tombstone.path, join(manager.root, 'sessions', `.dead-${tombstone.id}-x`))
  const draft = craftSession(manager.root, { prefix: '.new-' })
  const usage = await manager.usage()
  const of = (name: string) => usage.sessions.find((session) => session.name === name)
  expect(usage.root).toBe(manager.root)
  expect(of(basename(String(manager.sessionPath)))).toMatchObject({
    state: 'live',
    verdict: 'alive',
    pid: process.pid,
    hostname: hostname(),
    files: 1,
    bytes: 10_000,
  })
  expect(of(dead.name)).toMatchObject({
    state: 'live',
    verdict: 'dead',
    program: 'crafted',
    files: 2,
    bytes: 5,
  })
  expect(of(`.dead-${tombstone.id}-x`)).toMatchObject({ state: 'tombstone', verdict: 'dead' })
  expect(of(draft.name)).toMatchObject({ state: 'draft' })
  expect(usage.handoffs).toMatchObject([{ ticket, state: 'available', files: 1, bytes: 500 }])
  expect(usage.bytes).toBe(usage.sessions.reduce((sum, session) => sum + session.bytes, 0) + 500)
})

test('usage counts dead letters and damaged handoffs', async () => {
  const manager = tempManager({ handoff: { maxAttempts: 1 } })
  const dead = await (await manager.receive('x'.repeat(1000))).handOff()
  await expect(manager.withClaim(dead, () => Promise.reject(new Error('it failed')))).rejects.toThrow(
    'it failed',
  )
  const damaged = await (await manager.receive('y'.repeat(500))).handOff()
  writeFileSync(join(manager.root, 'handoffs', damaged, 'handoff.json'), 'no record')
  const { files, bytes, handoffs } = await manager.usage()
  expect(handoffs.map(({ state }) => state).sort()).toEqual(['corrupt', 'dead'])
  expect({ files, bytes }).toEqual({
    files: handoffs.reduce((sum, handoff) => sum + handoff.files, 0),
    bytes: handoffs.reduce((sum, handoff) => sum + handoff.bytes, 0),
  })
  expect(bytes).toBeGreaterThanOrEqual(1000)
})

test('usage of a root that was never made is nothing', async () => {
  const manager = tempManager()
  expect(await manager.usage()).toEqual({
    root: manager.root,
    files: 0,
    bytes: 0,
    sessions: [],
    handoffs: [],
    uploads: [],
    kept: [],
  })
})

test('usage lists partial uploads, and counts the bytes of those that wait', async () => {
  const manager = tempManager()
  const upload = await manager.createUpload({ length: 10, originalName: 'film.mkv' })
  await upload.append('12345')
  const held = await manager.usage()
  expect(held.uploads).toMatchObject([{ id: upload.id, state: 'receiving', bytes: 5 }])
  expect(held.bytes).toBe(held.sessions.reduce((sum, session) => sum + session.bytes, 0))
  await upload.release()
  const waiting = await manager.usage()
  expect(waiting.uploads).toMatchObject([{ state: 'waiting', bytes: 5, length: 10 }])
  expect(waiting.bytes).toBe(waiting.sessions.reduce((sum, session) => sum + session.bytes, 0) + 5)
})

test('usage is ERR_TEMP_IO while no directory can be listed', async () => {
  const { fs: disk, silence } = silentDisk('readdirSync')
  const manager = tempManager({ fs: disk })
  manager.file()
  silence()
  await failure('ERR_TEMP_IO', () => manager.usage())
})
