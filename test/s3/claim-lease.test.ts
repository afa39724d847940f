import { execFile } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { describe, expect, it } from 'vitest'
import { cephStore, gateway, haveCeph, needsCeph, newClient } from '../fixtures/ceph.ts'
import { failure } from '../fixtures/failures.ts'
import { tempManager } from '../fixtures/temp-base.ts'
import { unsteadyProxy } from '../fixtures/unsteady-proxy.ts'

const CHILD = fileURLToPath(new URL('../fixtures/children/s3-worker.ts', import.meta.url))

/** Runs the child program on a host whose clock is wrong by `skew` (faketime's notation). */
async function onSkewedHost(skew: string, action: string, ticket: string, prefix: string): Promise<string> {
  const { endpoint } = await gateway()
  const command = ['--exclude-monotonic', '-f', skew, process.execPath, '--import', 'tsx', CHILD]
  const { stdout } = await promisify(execFile)('faketime', [...command, endpoint, prefix, action, ticket])
  return stdout.trim()
}

describe.skipIf(!haveCeph)(`a claim between hosts${needsCeph}`, () => {
  it('is renewed by itself: it outlives its first lease by far', async () => {
    const { store, prefix } = await cephStore({ lease: '3s' })
    const other = await cephStore({ prefix, lease: '3s' })
    const ticket = await store.handOff(await tempManager().receive('x'))
    await using claim = await store.claim(ticket)
    const until = performance.now() + 4500
    await expect.poll(() => performance.now() > until, { timeout: 10_000 }).toBe(true)
    expect(claim.signal.aborted).toBe(false)
    await failure('ERR_TEMP_HANDOFF_CLAIMED', () => other.store.claim(ticket))
    await claim.complete()
  })

  it('that cannot be renewed is aborted before another worker can have it, and cannot be completed after that', async () => {
    const proxy = await unsteadyProxy((await gateway()).endpoint)
    const client = newClient({ ...(await gateway()), endpoint: proxy.endpoint })
    const { store, prefix } = await cephStore({ client, lease: '4s', timeout: '1s' })
    const other = await cephStore({ prefix, lease: '4s' })
    const ticket = await store.handOff(await tempManager().receive('x'))
    const lost = await store.claim(ticket)
    proxy.silent = true
    client.config.requestHandler.destroy?.()
    await once(lost.signal, 'abort')
    expect(lost.signal.reason).toMatchObject({ code: 'ERR_TEMP_ABORTED' })
    await failure('ERR_TEMP_HANDOFF_CLAIMED', () => other.store.claim(ticket))
    const taken = await expect
      .poll(() => other.store.claim(ticket).catch(() => undefined), { timeout: 15_000, interval: 200 })
      .toMatchObject({ attempt: 2 })
      .then(() => other.store.inspect(ticket))
    expect(taken).toMatchObject({ state: 'claimed', attempts: 2 })
    proxy.silent = false
    await failure('ERR_TEMP_HANDOFF_CLAIMED', () => lost.complete())
  })

  it('does not depend on any host’s clock: a day fast or slow changes nothing', async () => {
    const { store, prefix } = await cephStore()
    const ticket = await store.handOff(await tempManager().receive('x'), { ttl: '1h' })
    const held = await store.claim(ticket)
    expect(await onSkewedHost('+1d', 'claim', ticket, prefix)).toBe('ERR_TEMP_HANDOFF_CLAIMED')
    expect(await onSkewedHost('+1d', 'sweep', ticket, prefix)).toBe('0 removed')
    await held.release()
    expect(await onSkewedHost('-1d', 'claim', ticket, prefix)).toBe('attempt 2')
    expect(await store.inspect(ticket)).toMatchObject({ state: 'available', attempts: 2 })
    expect(await onSkewedHost('+1d', 'sweep', ticket, prefix)).toBe('0 removed')
  }, 180_000)
})
