// The protection against a cleaner that deletes single files by their access time, as macOS has.

import { lstatSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { darwin } from '../../src/platform/darwin.ts'
import { usePlatform } from '../../src/platform/index.ts'
import type { Session } from '../../src/session/session.ts'
import { tempManager } from '../fixtures/temp-base.ts'
import { openSession } from './open-session.ts'

const DAY_MS = 24 * 3_600_000
const old = (Date.now() - 2 * DAY_MS) / 1000

/** A session on macOS, and a handoff published beside it. */
async function macSession(): Promise<{ session: Session; waiting: string }> {
  onTestFinished(usePlatform(darwin))
  const manager = tempManager()
  const ticket = await (await manager.receive('data')).handOff({ durable: false })
  const session = openSession(dirname(manager.root))
  return { session, waiting: join(manager.root, 'handoffs', ticket) }
}

test('a refresh accesses every file that nobody accessed for a day, and leaves its modification time', async () => {
  const { session, waiting } = await macSession()
  const paths = [join(session.path, 'file'), join(session.claims, 'nested'), join(waiting, 'handoff.json')]
  for (const path of paths.slice(0, 2)) writeFileSync(path, 'content')
  for (const path of paths) utimesSync(path, old, old)
  await session.refresh()
  for (const path of paths) {
    const { atimeMs, mtimeMs } = lstatSync(path)
    expect(Date.now() - atimeMs, path).toBeLessThan(DAY_MS)
    expect(mtimeMs / 1000, path).toBeCloseTo(old, 0)
  }
})

test('a refresh leaves the attempt file alone, whose times are its content', async () => {
  const { session, waiting } = await macSession()
  const attempt = join(waiting, 'attempt-0')
  const before = lstatSync(attempt)
  await session.refresh()
  const after = lstatSync(attempt)
  expect([after.atimeMs, after.mtimeMs]).toEqual([before.atimeMs, before.mtimeMs])
})

test.skipIf(process.platform === 'win32')(
  'a refresh follows no link (needs the right to make links)',
  async () => {
    const { session, waiting } = await macSession()
    const target = join(dirname(dirname(waiting)), 'outside')
    writeFileSync(target, '')
    utimesSync(target, old, old)
    symlinkSync(target, join(session.path, 'link'))
    await session.refresh()
    expect(lstatSync(target).atimeMs / 1000).toBeCloseTo(old, 0)
  },
)
