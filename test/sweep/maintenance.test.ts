// The background work of a manager.

import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import fs, { readdirSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, onTestFinished, test, vi } from 'vitest'
import type { SweepReport, TempFileManagerOptions } from '../../src/index.ts'
import { craftSession, REUSED_PID } from '../fixtures/crafted-session.ts'
import { idOf } from '../fixtures/handoff-root.ts'
import { tempBase, tempManager } from '../fixtures/temp-base.ts'

const LONG = { timeout: 20_000 }

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

test('the first use sweeps the sessions of dead processes', async () => {
  const { dead, manager, sessions } = managerBesideDead({ sweep: { onStart: true, every: false } })
  const reports = sweepReports()
  manager.file()
  await vi.waitFor(() => expect(reports.length).toBe(1), LONG)
  expect(readdirSync(sessions)).not.toContain(dead.name)
})

test('sweeps repeat, and none runs after close', async () => {
  const { manager } = managerBesideDead({ sweep: { onStart: true, every: '1s' } })
  const reports = sweepReports()
  manager.file()
  await vi.waitFor(() => expect(reports.length).toBe(2), LONG)
  await manager.close()
  await expect(manager.sweep()).rejects.toMatchObject({ code: 'ERR_TEMP_CLOSED' })
  expect(reports.length).toBe(2)
})

test('a session that was renamed to a tombstone is taken back by the next background sweep', async () => {
  const { manager, sessions } = managerBesideDead({ sweep: { onStart: true, every: '1s' } })
  const file = manager.file()
  writeFileSync(file.path, 'kept')
  const path = String(manager.sessionPath)
  renameSync(path, join(sessions, `.dead-${idOf(path)}-x`))
  await vi.waitFor(() => expect(readdirSync(path)).toContain(file.name), LONG)
})

test('a background sweep that fails throws nothing and leaves the manager usable', async () => {
  const thrown: unknown[] = []
  const listen = (error: unknown): void => void thrown.push(error)
  process.on('uncaughtException', listen).on('unhandledRejection', listen)
  onTestFinished(() => void process.off('uncaughtException', listen).off('unhandledRejection', listen))
  let failures = 0
  const readdir = (path: string, options: object): unknown => {
    if (String(path).endsWith('/sessions')) {
      failures++
      throw Object.assign(new Error('EIO'), { code: 'EIO' })
    }
    return fs.readdirSync(path, options)
  }
  const failing = { ...fs, readdirSync: readdir } as unknown as typeof fs
  const manager = tempManager({ fs: failing, sweep: { onStart: true, every: false } })
  manager.file()
  await vi.waitFor(() => expect(failures).toBeGreaterThan(0), LONG)
  await new Promise((resolve) => setImmediate(resolve))
  expect(thrown).toEqual([])
  expect(manager.file().disposed).toBe(false)
})
