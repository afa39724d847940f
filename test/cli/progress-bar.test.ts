import { mkdirSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { progressBar } from '../../src/cli/progress-bar.ts'
import type { SweepProgress } from '../../src/index.ts'
import { craftSession, REUSED_PID } from '../fixtures/crafted-session.ts'
import { tempManager } from '../fixtures/temp-base.ts'

const terminal = () => {
  const written: string[] = []
  return { written, isTTY: true, write: (text: string) => void written.push(text) }
}
const filled = (text: string | undefined): number => (text ?? '').split('█').length - 1

let now = 0
beforeEach(() => {
  vi.stubEnv('NO_COLOR', '')
  vi.stubEnv('TERM', 'xterm')
  vi.spyOn(performance, 'now').mockImplementation(() => (now += 200))
})
afterEach(() => {
  vi.restoreAllMocks()
  vi.unstubAllEnvs()
})

test('the bar fills with the files of one large session', async () => {
  const stderr = terminal()
  const bar = await progressBar(stderr, async () => 99)
  for (const files of [24, 49, 99]) bar?.update({ done: 0, total: 1, files, bytes: files })
  expect(stderr.written.map(filled)).toEqual([0, 5, 11, 23])
  bar?.update({ done: 1, total: 1, files: 99, bytes: 99 })
  expect(filled(stderr.written.at(-1))).toBe(24)
  bar?.stop()
  expect(stderr.written.at(-1)).toBe('\r\u001b[K')
})

test('no bar is drawn where standard error is not a terminal, and nothing is measured for it', async () => {
  const stderr = { ...terminal(), isTTY: false }
  const bar = await progressBar(stderr, () => Promise.reject(new Error('measured')))
  expect(bar).toBeUndefined()
})

test('a sweep reports its progress while it removes one large session', async () => {
  vi.restoreAllMocks() // the slices need the real clock
  const manager = tempManager()
  manager.file()
  const { path } = craftSession(manager.root, { owner: REUSED_PID })
  for (let directory = 0; directory < 10; directory++) {
    mkdirSync(join(path, String(directory)))
    for (let n = 0; n < 300; n++) writeFileSync(join(path, String(directory), String(n)), 'x')
  }
  const steps: SweepProgress[] = []
  await manager.sweep({ onProgress: (progress) => steps.push({ ...progress }) })
  const inside = steps.filter(({ files }) => files > 0 && files < 3000)
  expect(inside.length).toBeGreaterThan(0)
  expect(readdirSync(join(manager.root, 'sessions'))).toHaveLength(1)
})
