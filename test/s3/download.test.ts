import { randomBytes } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { PutObjectCommand } from '@aws-sdk/client-s3'
import { describe, expect, it } from 'vitest'
import { BUCKET, cephStore, gateway, haveCeph, needsCeph, newClient } from '../fixtures/ceph.ts'
import { failure } from '../fixtures/failures.ts'
import { tempManager } from '../fixtures/temp-base.ts'
import { unsteadyProxy } from '../fixtures/unsteady-proxy.ts'

describe.skipIf(!haveCeph)(`downloads of claimed files${needsCeph}`, () => {
  it('the download of a claimed file is resumed where its connection broke, as often as it breaks', async () => {
    const { endpoint } = await gateway()
    const proxy = await unsteadyProxy(endpoint)
    const { store, prefix } = await cephStore()
    const content = randomBytes(3_000_000)
    const ticket = await store.handOff(await tempManager().receive(content))
    const client = newClient({ ...(await gateway()), endpoint: proxy.endpoint })
    const unsteady = await cephStore({ client, prefix })
    await unsteady.store.probe()
    proxy.breakAfter = 1_000_000
    await using claim = await unsteady.store.claim(ticket)
    proxy.breakAfter = undefined
    expect(readFileSync(claim.path).equals(content)).toBe(true)
    expect(proxy.breaks).toBeGreaterThanOrEqual(2)
    await claim.complete()
  })

  it.each([
    ['was changed', 'other bytes'.padEnd(20)],
    ['became shorter', 'short'],
    ['became longer', 'much longer than it was before'],
  ])('a claimed file that %s in the bucket is refused, and its ticket is given back', async (_, content) => {
    const { store, client, prefix, keys } = await cephStore()
    const ticket = await store.handOff(await tempManager().receive('the original content'.slice(0, 20)))
    const key = (await keys()).find((each) => each.includes('data')) ?? ''
    await client.send(new PutObjectCommand({ Bucket: BUCKET, Key: prefix + key, Body: content }))
    await failure('ERR_TEMP_HANDOFF_CORRUPT', () => store.claim(ticket))
    expect(await store.inspect(ticket)).toMatchObject({ state: 'available', attempts: 1 })
  })
})
