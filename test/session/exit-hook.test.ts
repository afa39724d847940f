import { readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, onTestFinished, test, vi } from 'vitest'
import type { TempFileManager } from '../../src/index.ts'
import { exitRegistry } from '../../src/session/exit-hook.ts'
import { foreignListeners } from '../../src/session/exit-signals.ts'
import { runChild } from '../fixtures/child.ts'
import { tempBase, tempManager } from '../fixtures/temp-base.ts'

const EVENTS = ['exit', 'SIGINT', 'SIGTERM', 'SIGHUP']
const listeners = (): number[] => EVENTS.map((event) => process.listenerCount(event))

test('twelve reloads of the module leave one listener of this package', async () => {
  const before = listeners()
  const base = tempBase()
  const managers: TempFileManager[] = []
  onTestFinished(async () => {
    for (const manager of managers) await manager.close()
  })
  for (let reload = 0; reload < 12; reload++) {
    vi.resetModules()
    const { TempFileManager: Reloaded } = await import('../../src/index.ts')
    const manager = new Reloaded({ baseDir: base, sweep: { onStart: false, every: false } })
    writeFileSync(manager.file().path, 'x')
    managers.push(manager)
  }
  expect(new Set(managers.map((manager) => manager.constructor)).size, 'copies of the class').toBe(12)
  expect(listeners()).toEqual(before.map((count) => count + 1))
  for (const manager of managers) await manager.close()
  expect(listeners()).toEqual(before)
})

test('tasks without signals bring no signal listener', () => {
  const before = listeners()
  const task = { signals: false, run: () => {} }
  exitRegistry().add(task)
  expect(listeners()).toEqual(before.map((count, n) => (n === 0 ? count + 1 : count)))
  exitRegistry().delete(task)
  exitRegistry().delete(task)
  expect(listeners()).toEqual(before)
})

test('listeners of signal-exit, which count themselves, are discounted; others are not', () => {
  const base = foreignListeners('SIGTERM', 0)
  const other = (): void => {}
  process.on('SIGTERM', other)
  onTestFinished(() => void process.off('SIGTERM', other))
  expect(foreignListeners('SIGTERM', 0)).toBe(base + 1)
  expect(foreignListeners('SIGTERM', 1)).toBe(base)
})

describe('exit listeners that throw', () => {
  test.each([
    ['natural', 'before', /thrown at exit/],
    ['exit', 'before', /thrown at exit/],
    ['exception', 'before', /Error: uncaught/],
    ['rejection', 'before', /Error: not handled/],
    ['natural', 'later', /thrown at exit/],
    ['exception', 'later', /Error: uncaught/],
    ['rejection', 'later', /Error: not handled/],
  ])(
    'a process that ends (%s) leaves no session although a foreign exit listener (added %s) throws',
    async (ending, when, error) => {
      const base = tempBase()
      const { code, stderr } = await runChild('throwing-exit.mts', { args: [base, ending, when] })
      expect([code, stderr]).toEqual([expect.any(Number), expect.stringMatching(error)])
      const { root } = tempManager({ baseDir: base })
      expect(readdirSync(join(root, 'sessions'))).toEqual([])
    },
  )
})

test('the program’s own exit listeners still find their files when the process dies of an exception', async () => {
  const { stdout } = await runChild('throwing-exit.mts', { args: [tempBase(), 'exception', 'before'] })
  expect(stdout).toMatch(/ true$/)
})

test('an exception that the program handles changes nothing', async () => {
  const { stdout } = await runChild('throwing-exit.mts', { args: [tempBase(), 'handled', 'before'] })
  expect(stdout).toMatch(/^goes on true .* true$/)
})
