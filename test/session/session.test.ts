import { readdirSync } from 'node:fs'
import { expect, onTestFinished, test } from 'vitest'
import { newCounters } from '../../src/context.ts'
import { layoutOf } from '../../src/layout.ts'
import { resolveOptions } from '../../src/manager-options.ts'
import { endSession } from '../../src/removal/end-own-session.ts'
import { Session } from '../../src/session/session.ts'
import { EMPTY_SESSION } from '../fixtures/handoff-root.ts'
import { tempBase } from '../fixtures/temp-base.ts'

function openSession(): Session {
  const settings = resolveOptions({ baseDir: tempBase() })
  const session = Session.open({ ...settings, layout: layoutOf(settings.root), counters: newCounters() })
  onTestFinished(async () => {
    await endSession(session)
  })
  return session
}

test('a session that is refreshed before the event loop turned has both leases', async () => {
  const session = openSession()
  await session.refresh() // a program that is idle at its start: its first sweep comes before the first turn
  session.prove() // what the turn does
  expect(readdirSync(session.path).sort()).toEqual(EMPTY_SESSION)
})
