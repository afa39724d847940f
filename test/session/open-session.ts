// A session without a manager, ended with the test.

import { onTestFinished } from 'vitest'
import { type Context, newCounters } from '../../src/context.ts'
import { layoutOf } from '../../src/layout.ts'
import { resolveOptions } from '../../src/manager-options.ts'
import { endSession } from '../../src/removal/end-own-session.ts'
import { Session } from '../../src/session/session.ts'
import { tempBase } from '../fixtures/temp-base.ts'

/** The context of a manager on `baseDir` that has no options. */
export function contextOf(baseDir = tempBase()): Context {
  const settings = resolveOptions({ baseDir })
  return { ...settings, layout: layoutOf(settings.root), counters: newCounters() }
}

export function openSession(baseDir = tempBase()): Session {
  const session = Session.open(contextOf(baseDir))
  onTestFinished(async () => {
    await endSession(session)
  })
  return session
}
