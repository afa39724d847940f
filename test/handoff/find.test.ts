import fs, { existsSync, mkdirSync, renameSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { freeFromDead } from '../../src/handoff/find.ts'
import type { TempFileManager } from '../../src/index.ts'
import { layoutOf } from '../../src/layout.ts'
import { craftSession, REUSED_PID } from '../fixtures/crafted-session.ts'
import { published } from '../fixtures/handoff-root.ts'
import { tempManager } from '../fixtures/temp-base.ts'

const rootOf = (manager: TempFileManager) => ({
  fs: { ...fs, native: true },
  native: true,
  layout: layoutOf(manager.root),
})

/** A handoff that is in the claims/ of a session whose owner is `owner`. */
async function claimedBy(
  manager: TempFileManager,
  owner: Record<string, unknown>,
  name?: string,
): Promise<string> {
  const ticket = await (await manager.receive('payload')).handOff()
  const session = craftSession(manager.root, { owner })
  renameSync(join(manager.root, 'handoffs', ticket), join(session.path, 'claims', ticket))
  if (name !== undefined) renameSync(session.path, join(manager.root, 'sessions', `${name}${session.id}-x`))
  return ticket
}

test('a ticket that is in no session is nowhere', async () => {
  const manager = tempManager()
  manager.file()
  expect(await freeFromDead(rootOf(manager), '0123456789abcdefghjkmnpqrs')).toEqual({ state: 'nowhere' })
})

test('the claim of a dead owner is given back, and its session is removed', async () => {
  const manager = tempManager()
  const ticket = await claimedBy(manager, REUSED_PID)
  expect(await freeFromDead(rootOf(manager), ticket)).toEqual({ state: 'moving' })
  expect(published(manager.root)).toEqual([ticket])
  expect(await manager.inspect(ticket)).toMatchObject({ state: 'available', attempts: 0 })
})

test('the claim of a condemned session is given back without judging its owner', async () => {
  const manager = tempManager()
  const ticket = await claimedBy(manager, {}, '.gone-')
  expect(await freeFromDead(rootOf(manager), ticket)).toEqual({ state: 'moving' })
  expect(published(manager.root)).toEqual([ticket])
})

test('the claim of a living owner is reported with its process, and stays', async () => {
  const manager = tempManager()
  const other = tempManager({ baseDir: join(manager.root, '..') })
  const ticket = await (await manager.receive('payload')).handOff()
  await other.claim(ticket)
  expect(await freeFromDead(rootOf(manager), ticket)).toMatchObject({
    state: 'claimed',
    claimant: { pid: process.pid, verdict: 'alive', reason: expect.stringContaining('owner alive') },
  })
  expect(published(manager.root)).toEqual([])
})

test('the claim of an owner on another host is unknown, and stays', async () => {
  const manager = tempManager()
  const ticket = await claimedBy(manager, { hostname: 'elsewhere', bootId: 'b', lease: undefined })
  expect(await freeFromDead(rootOf(manager), ticket)).toMatchObject({
    state: 'claimed',
    claimant: { hostname: 'elsewhere', verdict: 'unknown' },
  })
})

test('a handoff that a sweep suspects to be expired, and is not, is put back', async () => {
  const manager = tempManager()
  const ticket = await (await manager.receive('payload')).handOff({ ttl: '1h' })
  const tombstone = join(manager.root, 'sessions', `.dead-${ticket}-x`)
  mkdirSync(join(manager.root, 'sessions'), { recursive: true })
  renameSync(join(manager.root, 'handoffs', ticket), tombstone)
  expect(await freeFromDead(rootOf(manager), ticket)).toEqual({ state: 'moving' })
  expect(existsSync(tombstone)).toBe(false)
  expect(published(manager.root)).toEqual([ticket])
})
