import fs, { existsSync, mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { layoutOf } from '../../src/layout.ts'
import { sweepDraft } from '../../src/sweep/sweep-draft.ts'
import type { SweepRun } from '../../src/sweep/sweep-finding.ts'
import { tempBase } from '../fixtures/temp-base.ts'

const HOUR = 3_600_000

/** A draft, and a sweep whose clock is `ahead` of its creation. */
async function draftSeenAfter(ahead: number | undefined, dryRun = false) {
  const root = tempBase()
  mkdirSync(join(root, 'sessions'))
  const path = join(root, 'sessions', '.new-x')
  mkdirSync(path)
  const now = ahead === undefined ? undefined : fs.lstatSync(path).ctimeMs + ahead
  const run = { fs: { ...fs, native: true }, native: true, layout: layoutOf(root), now, dryRun }
  return { path, finding: await sweepDraft(run as unknown as SweepRun, { path, id: 'x' }) } // the rest is not read
}

test('a draft is removed once it is over an hour old by the clock of its volume', async () => {
  expect((await draftSeenAfter(HOUR - 1000)).finding).toMatchObject({ action: 'kept', reason: 'being made' })
  const { path, finding } = await draftSeenAfter(HOUR + 1000)
  expect(finding).toMatchObject({ kind: 'draft', action: 'removed' })
  expect(existsSync(path)).toBe(false)
  expect(existsSync(finding.condemned?.path ?? '')).toBe(true)
})

test('a draft is kept where the volume cannot be asked the time, and by a dry run', async () => {
  expect((await draftSeenAfter(undefined)).finding.action).toBe('kept')
  const { path, finding } = await draftSeenAfter(HOUR + 1000, true)
  expect(finding.action).toBe('would-remove')
  expect(existsSync(path)).toBe(true)
})
