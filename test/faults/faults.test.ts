// Every public operation, with each of its file system calls failing in turn, with each error, once and for good.
// All of them: FAULTS=all (npm run test:faults).

import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { atOnce, shareOf, take } from '../fixtures/share.ts'
import { hasOtherDevice, mountOtherDevice } from './aftermath.ts'
import { OPERATIONS } from './operations.ts'
import type { Operation } from './preparing.ts'
import { type Fault, runCase } from './run-case.ts'

const ERRORS = ['EIO', 'ENOSPC', 'EACCES', 'EPERM', 'EBUSY', 'EMFILE', 'ENOENT', 'EROFS']
const AT_ONCE = 32
const share = shareOf(36)
let unmount: () => void
let ran = 0

beforeAll(() => {
  unmount = mountOtherDevice()
})

afterAll(() => {
  unmount()
  console.log(`fault cases: ${ran} (every ${share.every}, from ${share.from})`)
})

describe('faults of single calls', () => {
  test.each(OPERATIONS.map((operation) => [operation.name, operation] as const))(
    'a failure of any call of %s leaves nothing partial, and everything is recovered',
    async (_, operation) => {
      expect(await problemsOf(operation)).toEqual([])
    },
    400_000,
  )
})

async function problemsOf(operation: Operation): Promise<string[]> {
  if (operation.crosses === true && !hasOtherDevice()) return []
  const { calls, problems } = await runCase(operation)
  const found = [...problems]
  const faults = calls.flatMap((_, at) =>
    ERRORS.flatMap((errno) => [false, true].map((lasting): Fault => ({ at, errno, lasting }))),
  )
  // fs-extra waits a minute for descriptors that never come: in the full run only.
  const slow = (fault: Fault): boolean =>
    operation.crosses === true && fault.errno === 'EMFILE' && fault.lasting
  const chosen = take(faults, share).filter((fault) => share.every === 1 || !slow(fault))
  await atOnce(chosen, AT_ONCE, async (fault) => {
    ran++
    const result = await runCase(operation, fault)
    const where = `${fault.errno}${fault.lasting ? ' for good' : ''} at ${fault.at}, ${calls[fault.at]?.name}`
    found.push(...result.problems.map((problem) => `${where}: ${problem}`))
  })
  return found
}
