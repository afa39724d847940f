import fs, { existsSync, mkdirSync, readdirSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { clocksNow } from '../../src/claimable/expiry.ts'
import { readMounts } from '../../src/disk/mounts.ts'
import type { TempFileManager } from '../../src/index.ts'
import { layoutOf } from '../../src/layout.ts'
import { volumeNow } from '../../src/liveness/volume-clock.ts'
import type { SweepRun } from '../../src/sweep/sweep-finding.ts'
import { sweepSession } from '../../src/sweep/sweep-session.ts'
import { craftSession, REUSED_PID } from '../fixtures/crafted-session.ts'
import { idOf } from '../fixtures/handoff-root.ts'
import { tempManager } from '../fixtures/temp-base.ts'

function runOn(manager: TempFileManager, over: Partial<SweepRun> = {}): SweepRun {
  const root = { fs: { ...fs, native: true }, native: true, layout: layoutOf(manager.root) }
  const now = volumeNow(root)
  return {
    ...root,
    now,
    clocks: clocksNow(root, now),
    mounts: readMounts(),
    ownId: undefined,
    dryRun: false,
    policy: {},
    signal: undefined,
    ...over,
  }
}

const sessions = (manager: TempFileManager): string => join(manager.root, 'sessions')

test('a dead session is condemned by a rename, and still whole when the decision returns', async () => {
  const manager = tempManager()
  const dead = craftSession(manager.root, { owner: REUSED_PID, files: { a: 'aaaa' } })
  const finding = await sweepSession(runOn(manager), dead.name)
  expect(finding).toMatchObject({
    kind: 'session',
    action: 'removed',
    reason: expect.stringMatching(/^owner dead/),
  })
  expect(finding.condemned?.path).toContain(`.gone-${dead.id}`)
  expect(existsSync(join(finding.condemned?.path ?? '', 'a'))).toBe(true)
})

test('a dry run renames nothing, also when it would remove everything', async () => {
  const manager = tempManager()
  const dead = craftSession(manager.root, { owner: REUSED_PID })
  mkdirSync(join(sessions(manager), `.gone-${dead.id}-x`))
  const before = readdirSync(sessions(manager)).sort()
  const run = runOn(manager, { dryRun: true })
  const findings = await Promise.all(before.map((name) => sweepSession(run, name)))
  expect(findings.map(({ action }) => action)).toEqual(['would-remove', 'would-remove'])
  expect(readdirSync(sessions(manager)).sort()).toEqual(before)
})

test("the sweeper's own session is kept without being judged", async () => {
  const manager = tempManager()
  const own = craftSession(manager.root, { owner: REUSED_PID })
  expect(await sweepSession(runOn(manager, { ownId: own.id }), own.name)).toMatchObject({
    action: 'kept',
    reason: "this manager's own session",
  })
})

test('a living suspect gets its name back', async () => {
  const manager = tempManager()
  manager.file()
  const path = String(manager.sessionPath)
  const id = idOf(path)
  const tombstone = `.dead-${id}-x`
  renameSync(path, join(sessions(manager), tombstone))
  expect(await sweepSession(runOn(manager), tombstone)).toMatchObject({ kind: 'tombstone', action: 'kept' })
  expect(existsSync(path)).toBe(true)
})

test('a dead suspect is condemned, and a condemned one is returned for deletion unjudged', async () => {
  const manager = tempManager()
  const dead = craftSession(manager.root, { owner: REUSED_PID })
  const living = craftSession(manager.root, { lease: 'none' })
  renameSync(dead.path, join(sessions(manager), `.dead-${dead.id}-x`))
  renameSync(living.path, join(sessions(manager), `.gone-${living.id}-x`))
  expect(await sweepSession(runOn(manager), `.dead-${dead.id}-x`)).toMatchObject({
    kind: 'tombstone',
    action: 'removed',
  })
  expect(await sweepSession(runOn(manager), `.gone-${living.id}-x`)).toMatchObject({
    kind: 'condemned',
    action: 'removed',
    condemned: { path: join(sessions(manager), `.gone-${living.id}-x`) },
  })
})

test('an entry of another name, or that is not a directory, is foreign', async () => {
  const manager = tempManager()
  const { id } = craftSession(manager.root)
  mkdirSync(join(sessions(manager), 'notes'))
  writeFileSync(join(sessions(manager), `s-${id}x`), '')
  for (const name of ['notes', `s-${id}x`])
    expect(await sweepSession(runOn(manager), name)).toMatchObject({ kind: 'foreign', action: 'kept' })
})

test('an entry that has disappeared is left to others', async () => {
  const manager = tempManager()
  const dead = craftSession(manager.root, { owner: REUSED_PID })
  fs.rmSync(dead.path, { recursive: true })
  expect(await sweepSession(runOn(manager), dead.name)).toMatchObject({ action: 'left-to-others' })
})
