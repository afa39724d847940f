// Every public operation, killed: by SIGKILL at each of its file system calls, just before and just after it, and by
// strace at each system call that it makes. The sweep is one of them. All of it: FAULTS=all (npm run test:kill).

import { spawnSync } from 'node:child_process'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { atOnce, shareOf, take } from '../fixtures/share.ts'
import { hasOtherDevice, mountOtherDevice, newGround, problemsAfter, sweepAll } from './aftermath.ts'
import { buildChild, countCalls, type Doomed, killAt, killBySyscall, traced } from './doomed.ts'
import { BEGIN, END } from './markers.ts'
import { OPERATIONS } from './operations.ts'
import type { Ground, Operation, Outcome } from './preparing.ts'
import { CHANGING, expand, syscallsOf, tally } from './syscalls.ts'

const AT_ONCE = 3
const share = shareOf(144)
const canTrace = process.platform === 'linux' && spawnSync('strace', ['-qq', 'true']).status === 0
const operations = OPERATIONS.map((operation) => [operation.name, operation] as const)
let unmount: () => void
let built: Doomed | undefined
let kills = 0

beforeAll(async () => {
  unmount = mountOtherDevice()
  built = await buildChild()
})

afterAll(() => {
  built?.remove()
  unmount()
  console.log(`kill points: ${kills} (every ${share.every}, from ${share.from})`)
})

const LONG = 400_000

function child(): Doomed {
  if (built === undefined) throw new Error('The child program was not built.')
  return built
}

describe('kills at single calls', () => {
  test.each(operations)(
    '%s that is killed at any call is done or not done, and the next sweep leaves nothing else',
    async (_, operation) => {
      if (operation.crosses === true && !hasOtherDevice()) return
      const problems: string[] = []
      const calls = await onGround((ground) => countCalls(child(), operation.name, ground))
      const points = calls.flatMap((call, n) =>
        (['before', 'after'] as const).map((when) => ({ call, n, when })),
      )
      await atOnce(take(points, share), AT_ONCE, async ({ call, n, when }) => {
        const found = await killing(operation, async (ground) => {
          await killAt(child(), operation.name, ground, n, when)
          return 'killed'
        })
        problems.push(...found.map((problem) => `${when} ${n}, ${call.name}: ${problem}`))
      })
      expect(problems).toEqual([])
    },
    LONG,
  )
})

describe.skipIf(!canTrace)('by strace', () => {
  test.each(operations)(
    '%s makes the calls that the seam sees, and no others; after a kill at any of them it is complete or had no effect',
    async (_, operation) => {
      if (operation.crosses === true && !hasOtherDevice()) return
      const problems: string[] = []
      const seen = await onGround(async (ground) => {
        const calls = await countCalls(child(), operation.name, ground)
        return tally(calls.flatMap((call) => expand(call, ground)))
      })
      const syscalls = await onGround(async (ground) =>
        syscallsOf(await traced(child(), operation.name, ground), ground, BEGIN, END),
      )
      const made = tally(syscalls.map(({ kind }) => kind))
      // A mount table is cached for some milliseconds, so how often paths are looked up depends on the clock.
      if (['sweep', 'close'].includes(operation.name)) made['stat'] = seen['stat'] ?? 0
      expect(made).toEqual(seen)
      const points = CHANGING.flatMap((name) => {
        const count = syscalls.filter((syscall) => syscall.name === name).length
        return Array.from({ length: count }, (_, n) => ({ name, n: n + 1 }))
      })
      await atOnce(take(points, share), AT_ONCE, async ({ name, n }) => {
        const found = await killing(operation, async (ground) =>
          (await killBySyscall(child(), operation.name, ground, name, n)) ? 'killed' : 'done',
        )
        problems.push(...found.map((problem) => `${name} ${n}: ${problem}`))
      })
      expect(problems).toEqual([])
    },
    LONG,
  )
})

async function onGround<T>(work: (ground: Ground) => Promise<T>): Promise<T> {
  const ground = newGround()
  try {
    return await work(ground)
  } finally {
    ground.remove()
  }
}

function killing(operation: Operation, kill: (ground: Ground) => Promise<Outcome>): Promise<string[]> {
  kills++
  return onGround(async (ground) => {
    const outcome = await kill(ground)
    await sweepAll(ground)
    const continued = (await operation.after?.(ground)) ?? []
    return [...continued, ...problemsAfter(ground, outcome, operation.truth, { strays: true })]
  })
}
