// EMFILE for real: the descriptors that are left are walked down to each call of each operation. Guarantee: an operation
// succeeds whole or fails by a typed error and leaves its source whole; no live session is removed, nothing outside
// is touched, and nothing that could not be asked is remembered.

import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { beforeAll, describe, expect, test } from 'vitest'
import { bundle } from '../fixtures/bundle.ts'
import { runChild } from '../fixtures/child.ts'
import { Held } from '../fixtures/held-process.ts'
import { canMount } from '../fixtures/mounts.ts'
import { shareOf, take } from '../fixtures/share.ts'
import { tempBase, tempManager } from '../fixtures/temp-base.ts'
import { elsewhere } from '../temps/devices.ts'

const LIMITED = ['sh', '-c', 'ulimit -n 160 && exec "$0" "$@"']
/** Every operation succeeds with 14; `npm run test:below-fs` walks on to there. */
const MOST = process.env['FAULTS'] === 'all' ? 16 : 4

let programs = ''
beforeAll(async () => {
  programs = await bundle('scarce', 'owner')
})

describe.skipIf(process.platform !== 'linux')('with few descriptors', () => {
  test('each operation with few descriptors succeeds or changes nothing, and no live session is removed', async () => {
    const base = tempBase()
    // Another pid namespace: there only the leases can prove that the owner lives.
    const under = canMount ? { under: ['unshare', '-pf', '--mount-proc'] } : {}
    const neighbour = new Held(join(programs, 'owner.cjs'), { ...under, args: [base] })
    const file = await neighbour.line('ready')
    const far = elsewhere?.() ?? ''
    const { stdout, stderr } = await runChild(join(programs, 'scarce.cjs'), {
      args: ['walk', base, far, String(MOST)],
      under: LIMITED,
    })
    expect(stdout, stderr).not.toBe('')
    const { problems, counts } = JSON.parse(stdout)
    expect(problems).toEqual([])
    for (const [name, [succeeded, failed]] of Object.entries<[number, number]>(counts)) {
      expect(succeeded, `${name} succeeded`).toBeGreaterThan(1)
      if (name !== 'remove') expect(failed, `${name} failed`).toBeGreaterThan(0)
    }
    expect(existsSync(file)).toBe(true)
  })

  const LEFT = take(
    Array.from({ length: 30 }, (_, left) => left),
    shareOf(30),
  )
  test.each(LEFT)(
    'a session that was first used with %i descriptors left can be judged once there are more',
    async (left) => {
      const base = tempBase()
      const { stdout, stderr } = await runChild(join(programs, 'scarce.cjs'), {
        args: ['first', base, String(left)],
        under: LIMITED,
      })
      expect(stdout, stderr).not.toBe('')
      const { problems, session } = JSON.parse(stdout)
      expect(problems).toEqual([])
      expect(existsSync(session)).toBe(true)
      const report = await tempManager({ baseDir: base }).sweep()
      expect(report.items).toMatchObject([{ kind: 'session', action: 'removed' }])
    },
  )
})
