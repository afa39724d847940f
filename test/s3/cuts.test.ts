// The network is cut in each step of a ticket's life, on a real Ceph gateway: shorter than the step's patience, and longer
// (for a claim, in s3-handoffs.test.ts).

import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import type { S3Handoffs } from '../../src/s3/index.ts'
import { cephStore, gateway, haveCeph, needsCeph, newClient } from '../fixtures/ceph.ts'
import { failure } from '../fixtures/failures.ts'
import { tempManager } from '../fixtures/temp-base.ts'
import { type UnsteadyProxy, unsteadyProxy } from '../fixtures/unsteady-proxy.ts'

const CONTENT = randomBytes(2_000_000)

async function behindProxy(options: { lease?: string; timeout?: string }): Promise<{
  proxy: UnsteadyProxy
  store: S3Handoffs
  prefix: string
  silence: () => void
}> {
  const proxy = await unsteadyProxy((await gateway()).endpoint)
  const client = newClient({ ...(await gateway()), endpoint: proxy.endpoint })
  const { store, prefix } = await cephStore({ client, ...options })
  await store.probe()
  const silence = (): void => {
    proxy.silent = true
    proxy.cut(0)
  }
  return { proxy, store, prefix, silence }
}

describe.skipIf(!haveCeph)(`network cuts${needsCeph}`, () => {
  it('publish, claim, download, renew and complete go on after a short cut of the network', async () => {
    const { proxy, store } = await behindProxy({ lease: '9s', timeout: '20s' })
    const file = await tempManager().receive(CONTENT)
    const cutIn = async <T>(step: Promise<T>): Promise<T> => {
      const before = proxy.breaks
      proxy.cut(2)
      const result = await step
      expect(proxy.breaks).toBeGreaterThan(before)
      return result
    }
    const ticket = await cutIn(store.handOff(file))
    proxy.breakAfter = 1_000_000 // the download's own cuts: in its middle
    const claim = await cutIn(store.claim(ticket))
    proxy.breakAfter = undefined
    expect(readFileSync(claim.path).equals(CONTENT)).toBe(true)
    expect(proxy.breaks).toBeGreaterThanOrEqual(4)
    const renewals = proxy.breaks
    proxy.cut(2)
    await expect.poll(() => proxy.breaks - renewals, { timeout: 30_000 }).toBe(2) // the renewal met both
    expect(claim.signal.aborted).toBe(false)
    await cutIn(claim.complete())
    await failure('ERR_TEMP_HANDOFF_GONE', () => store.inspect(ticket))
  })

  it('publishing fails typed and in time when the network is cut for good, and the file is still there', async () => {
    const { store, silence } = await behindProxy({ timeout: '500ms' })
    const file = await tempManager().receive('x')
    silence()
    const stop = AbortSignal.timeout(1000) // an upload is repeated for a minute unless its caller gives up
    await failure('ERR_TEMP_TIMEOUT', () => store.handOff(file, { signal: stop }))
    expect(readFileSync(file.path, 'utf8')).toBe('x')
  })

  it('a claim that loses the network for good aborts before its lease ends, and goes to another worker', async () => {
    const { store, prefix, silence, proxy } = await behindProxy({ lease: '9s', timeout: '500ms' })
    const other = (await cephStore({ prefix, lease: '9s' })).store
    const ticket = await store.handOff(await tempManager().receive('x'))
    const claim = await store.claim(ticket)
    silence()
    await once(claim.signal, 'abort')
    expect(claim.signal.reason).toMatchObject({ code: 'ERR_TEMP_ABORTED' })
    await failure('ERR_TEMP_HANDOFF_CLAIMED', () => other.claim(ticket))
    await failure('ERR_TEMP_TIMEOUT', () => claim.complete())
    await expect
      .poll(() => other.claim(ticket).catch(() => undefined), { timeout: 30_000, interval: 200 })
      .toMatchObject({ attempt: 2 })
    proxy.silent = false
    await failure('ERR_TEMP_HANDOFF_CLAIMED', () => claim.complete())
  })
  it.each([
    ['complete() is repeated, and resolves', undefined],
    ['release() is refused: nothing went back', 'ERR_TEMP_REMOVED'],
  ] as const)('after a completion whose answers are lost: %s', async (_, refusal) => {
    const { store, proxy } = await behindProxy({ lease: '4s', timeout: '500ms' })
    const ticket = await store.handOff(await tempManager().receive('x'))
    const claim = await store.claim(ticket)
    proxy.loseAnswers = Number.POSITIVE_INFINITY
    await expect(claim.complete()).rejects.toThrow()
    proxy.loseAnswers = 0
    if (refusal !== undefined) await failure(refusal, () => claim.release())
    await claim.complete()
    await failure('ERR_TEMP_HANDOFF_GONE', () => store.inspect(ticket))
  })
})
