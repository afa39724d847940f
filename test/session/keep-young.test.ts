// The owner's answer to a cleaner that deletes single files by their time of access, as macOS has one.

import { lstatSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { newCounters } from '../../src/context.ts'
import { layoutOf } from '../../src/layout.ts'
import { resolveOptions } from '../../src/manager-options.ts'
import { darwin } from '../../src/platform/darwin.ts'
import { usePlatform } from '../../src/platform/index.ts'
import { endSession } from '../../src/removal/end-own-session.ts'
import { Session } from '../../src/session/session.ts'
import { tempManager } from '../fixtures/temp-base.ts'

const DAY_MS = 24 * 3_600_000
const old = (Date.now() - 2 * DAY_MS) / 1000

/** A session on macOS, and a handoff published beside it. */
async function macSession(): Promise<{ session: Session; waiting: string }> {
  onTestFinished(usePlatform(darwin))
  const manager = tempManager()
  const ticket = await (await manager.receive('data')).handOff({ durable: false })
  const settings = resolveOptions({ baseDir: dirname(manager.root) })
  const session = Session.open({ ...settings, layout: layoutOf(settings.root), counters: newCounters() })
  onTestFinished(async () => {
    await endSession(session)
  })
  return { session, waiting: join(manager.root, 'handoffs', ticket) }
}

test('a refresh accesses every file that nobody accessed for a day, and leaves its time of modification', async () => {
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
