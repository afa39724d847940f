import { existsSync, readdirSync, renameSync, rmdirSync } from 'node:fs'
import { expect, test } from 'vitest'
import { EMPTY_SESSION, tombstoneOf } from '../fixtures/handoff-root.ts'
import { openSession } from './open-session.ts'

test('a session that is refreshed before the event loop turned has both leases', async () => {
  const session = openSession()
  await session.refresh() // a program that is idle at its start: its first sweep comes before the first turn
  session.prove() // the call of the loop's turn
  expect(readdirSync(session.path).sort()).toEqual(EMPTY_SESSION)
})

test('a session that is refreshed creates the directories of its root and its claims/ again', async () => {
  const session = openSession()
  const removed = [session.claims, session.context.layout.handoffs]
  for (const directory of removed) rmdirSync(directory)
  await session.refresh()
  expect(removed.map(existsSync)).toEqual([true, true])
})

test('a suspected session renames its directory back when it looks for it', () => {
  const session = openSession()
  renameSync(session.path, tombstoneOf(session.path, 'dead'))
  expect(session.confirm()).toBe(true)
  expect(readdirSync(session.path)).toContain('owner.json')
})

test('a session whose directory was moved elsewhere is lost, and aborts the signals of its claims', () => {
  const session = openSession()
  const claim = new AbortController()
  session.claimed.set('ticket', claim)
  renameSync(session.path, `${session.path}-elsewhere`)
  expect([session.confirm(), session.lost]).toEqual([false, true])
  expect(claim.signal.reason).toMatchObject({ code: 'ERR_TEMP_SESSION_LOST' })
})
