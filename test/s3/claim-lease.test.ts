import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { describe, expect, it } from 'vitest'
import { cephStore, gateway, haveCeph, needsCeph } from '../fixtures/ceph.ts'
import { startOf } from '../fixtures/child-programs.ts'
import { failure } from '../fixtures/failures.ts'
import { tempManager } from '../fixtures/temp-base.ts'

/** What a worker prints whose host's clock is wrong by `skew` (faketime's notation). */
async function onSkewedHost(skew: string, prefix: string, ...tickets: string[]): Promise<string[]> {
  const { endpoint } = await gateway()
  const command = ['--exclude-monotonic', '-f', skew, process.execPath, startOf('s3-worker.ts')]
  const { stdout } = await promisify(execFile)('faketime', [...command, endpoint, prefix, ...tickets])
  return stdout.trim().split('\n')
}

describe.skipIf(!haveCeph)(`a claim between hosts${needsCeph}`, () => {
  it('is renewed by itself: it outlives its first lease by far', async () => {
    // Long enough that a busy machine has seconds for each renewal: Date has whole seconds, and the last sixth is a margin.
    const { store, prefix } = await cephStore({ lease: '9s' })
    const other = await cephStore({ prefix, lease: '9s' })
    const ticket = await store.handOff(await tempManager().receive('x'))
    await using claim = await store.claim(ticket)
    const until = performance.now() + 9500
    await expect.poll(() => performance.now() > until, { timeout: 30_000, interval: 200 }).toBe(true)
    expect(claim.signal.aborted).toBe(false)
    await failure('ERR_TEMP_HANDOFF_CLAIMED', () => other.store.claim(ticket))
    await claim.complete()
  })

  it.each(['+1d', '-1d'])(
    'does not depend on any host’s clock: one that is wrong by %s changes nothing',
    async (skew) => {
      const { store, prefix } = await cephStore()
      const [held = '', free = ''] = await Promise.all(
        ['x', 'y'].map(async (text) => store.handOff(await tempManager().receive(text), { ttl: '1h' })),
      )
      await using _ = await store.claim(held)
      expect(await onSkewedHost(skew, prefix, held, free)).toEqual([
        'ERR_TEMP_HANDOFF_CLAIMED',
        'attempt 1',
        '0 removed',
      ])
      expect(await store.inspect(free)).toMatchObject({ state: 'available', attempts: 1 })
      expect(await store.inspect(held)).toMatchObject({ state: 'claimed' })
    },
    180_000,
  )
})
