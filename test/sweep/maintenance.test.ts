// What a manager does in the background.

import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { readdirSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, onTestFinished, test, vi } from 'vitest'
import type { SweepReport, TempFileManagerOptions } from '../../src/index.ts'
import { craftSession, REUSED_PID } from '../fixtures/crafted-session.ts'
import { tempBase, tempManager } from '../fixtures/temp-base.ts'

/** Reports of all sweeps until the test ends. */
function sweepReports(): SweepReport[] {
  const reports: SweepReport[] = []
  const listen = (message: unknown): void => void reports.push((message as { report: SweepReport }).report)
  subscribe('temp-file-manager:sweep', listen)
  onTestFinished(() => void unsubscribe('temp-file-manager:sweep', listen))
  return reports
}

/** A root with a dead session in it, and a manager on it. */
function managerBesideDead(options: TempFileManagerOptions) {
  const baseDir = tempBase()
  const first = tempManager({ baseDir })
  const dead = craftSession(first.root, { owner: REUSED_PID })
  return { dead, manager: tempManager({ baseDir, ...options }), sessions: join(first.root, 'sessions') }
}

test('the first use sweeps what a dead process left', async () => {
  const { dead, manager, sessions } = managerBesideDead({ sweep: { onStart: true, every: false } })
  manager.file()
  await vi.waitFor(() => expect(readdirSync(sessions)).not.toContain(dead.name))
})

test('sweeps repeat, and none runs after close', async () => {
  const { manager } = managerBesideDead({ sweep: { onStart: false, every: 5 } })
  const reports = sweepReports()
  manager.file()
  await vi.waitFor(() => expect(reports.length).toBeGreaterThanOrEqual(2))
  await manager.close()
  const atClose = reports.length
  await new Promise((resolve) => setImmediate(resolve))
  expect(reports.length).toBe(atClose)
})

test('a session that was renamed to a tombstone is taken back by the periodic sweep', async () => {
  const { manager, sessions } = managerBesideDead({ sweep: { onStart: false, every: 5 } })
  const file = manager.file()
  writeFileSync(file.path, 'kept')
  const path = String(manager.sessionPath)
  renameSync(path, join(sessions, `.dead-${path.slice(path.indexOf('/s-') + 3)}-x`))
  await vi.waitFor(async () => expect(await file.size()).toBe(4))
})

test('a sweep that fails does not throw from its timer', async () => {
  const failures: unknown[] = []
  const listen = (error: unknown): void => void failures.push(error)
  process.on('uncaughtException', listen)
  onTestFinished(() => void process.off('uncaughtException', listen))
  const manager = tempManager({ sweep: { onStart: true, every: 5 } })
  manager.file()
  renameSync(manager.root, `${manager.root}-away`)
  writeFileSync(manager.root, 'a file in the place of the root')
  for (let turn = 0; turn < 20; turn++) await new Promise((resolve) => setTimeout(resolve, 1))
  expect(failures).toEqual([])
})
