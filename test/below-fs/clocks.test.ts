// A wall clock that is wrong and is set right, by libfaketime in real processes. The boot clock goes on meanwhile.
// A ctime of 1980 on disk, set by debugfs, is in test/handoff/clock-changes.test.ts. Time namespaces give a process another
// boot clock.

import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { beforeAll, describe, expect, test } from 'vitest'
import { bundle } from '../fixtures/bundle.ts'
import { canMount, has } from '../fixtures/mounts.ts'
import { tempBase } from '../fixtures/temp-base.ts'

let program = ''
beforeAll(async () => {
  program = join(await bundle('clock'), 'clock.cjs')
})

/** Runs the program with a wall clock that is wrong by `skew`; undefined: with the true one. */
function run(skew: string | undefined, ...args: readonly string[]): string {
  const command = [process.execPath, program, ...args]
  const [name = '', ...rest] = skew === undefined ? command : ['faketime', '-f', skew, ...command]
  const env = { ...process.env, DONT_FAKE_MONOTONIC: '1', NO_FAKE_STAT: '1' }
  const { stdout, stderr, status } = spawnSync(name, rest, { encoding: 'utf8', env })
  expect(status, stderr).toBe(0)
  return stdout.trim()
}

describe.skipIf(process.platform !== 'linux' || !has('faketime'))(
  'a wall clock that is wrong (needs faketime)',
  () => {
    test.each([
      ['two years slow when a handoff was published, then set right', '-2y', undefined],
      ['right when a handoff was published, then 30 days fast', undefined, '+30d'],
    ])('a wall clock, %s, expires nothing', (_, publishing, sweeping) => {
      const base = tempBase()
      run(publishing, base, 'publish', '1h')
      expect(run(sweeping, base, 'sweep')).toBe('[]')
    })

    test('a handoff that is overdue by the boot clock is removed although the wall clock is wrong', () => {
      const base = tempBase()
      const ticket = run('+30d', base, 'publish', '1ms')
      expect(JSON.parse(run('-2y', base, 'sweep'))).toEqual([ticket])
    })
  },
)

describe.runIf(canMount)('a boot clock that another process sees otherwise (needs root)', () => {
  test('a handoff of a time namespace that has ended is not expired by the clock of the next one', () => {
    const base = tempBase()
    // The kernel gives the second namespace the number of the first one, as a rule.
    const inNamespace = (seconds: number, ...args: readonly string[]): string => {
      const under = ['--time', '--boottime', String(seconds), '--fork', process.execPath, program]
      const { stdout, stderr, status } = spawnSync('unshare', [...under, base, ...args], { encoding: 'utf8' })
      expect(status, stderr).toBe(0)
      return stdout.trim()
    }
    inNamespace(0, 'publish', '1h')
    expect(inNamespace(86_400, 'sweep')).toBe('[]')
  })
})
