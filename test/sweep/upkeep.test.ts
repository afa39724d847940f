// When the background work of a manager begins, and that it begins although its code could not be loaded at first.

import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { readdirSync } from 'node:fs'
import { expect, onTestFinished, test, vi } from 'vitest'
import type { Context } from '../../src/context.ts'
import type { Session } from '../../src/session/session.ts'
import { Upkeep } from '../../src/sweep/upkeep.ts'
import { openSession } from '../session/open-session.ts'

const LONG = { timeout: 20_000 }

interface Running {
  readonly upkeep: Upkeep
  readonly session: Session
  /** Sweeps until now. */
  readonly sweeps: () => number
  /** How often its code was loaded, or failed to be, until now. */
  readonly loads: () => number
}

/** The upkeep of a used manager; `failures`: how often its code cannot be loaded. */
function upkeepOf(options: Partial<Context> = {}, failures = 0): Running {
  const session = openSession()
  let loads = 0
  const context: Context = Object.defineProperty({ ...session.context, ...options }, 'sweepEvery', {
    // Maintenance reads it when it is created.
    get() {
      if (++loads <= failures) throw Object.assign(new Error('no descriptors'), { code: 'EMFILE' })
      return undefined
    },
  })
  let count = 0
  const listen = (): void => void count++
  subscribe('temp-file-manager:sweep', listen)
  const upkeep = new Upkeep(
    context,
    () => session,
    () => {},
  )
  onTestFinished(async () => {
    unsubscribe('temp-file-manager:sweep', listen)
    await upkeep.stop()
  })
  upkeep.start()
  return { upkeep, session, sweeps: () => count, loads: () => loads }
}

test('the background work begins when the loop turns, and not before', async () => {
  const { sweeps } = upkeepOf()
  expect(sweeps()).toBe(0)
  await vi.waitFor(() => expect(sweeps()).toBe(1), LONG)
})

test('the background work begins although its code could not be loaded twice', async () => {
  const { session, sweeps } = upkeepOf({ sharedVolume: { heartbeat: 1000, staleAfter: 3_600_000 } }, 2)
  await vi.waitFor(() => {
    expect(sweeps()).toBe(1)
    expect(readdirSync(session.path)).toContain('heartbeat')
  }, LONG)
})

test('work that could not begin is not tried again after the end', async () => {
  const { upkeep, loads } = upkeepOf({}, 1)
  upkeep.soon() // fails, and would be tried again
  expect(loads()).toBe(1)
  await upkeep.stop()
  upkeep.soon()
  const later = upkeepOf({}, 1)
  await vi.waitFor(() => expect(later.loads()).toBeGreaterThan(1), LONG) // it is tried again after the same time
  expect(loads()).toBe(1)
})
