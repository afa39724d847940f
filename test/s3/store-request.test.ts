import { HeadBucketCommand } from '@aws-sdk/client-s3'
import { describe, expect, it } from 'vitest'
import { send } from '../../src/s3/store-request.ts'
import { BUCKET, gateway, haveCeph, needsCeph, newClient } from '../fixtures/ceph.ts'
import { unsteadyProxy } from '../fixtures/unsteady-proxy.ts'

describe.skipIf(!haveCeph)(`requests to a store${needsCeph}`, () => {
  it("a request to a store returns the store's Date and the name of the server", async () => {
    const client = newClient(await gateway())
    const { moment, server } = await send(client, new HeadBucketCommand({ Bucket: BUCKET }), {
      timeoutMs: 10_000,
    })
    expect(moment.dateMs % 1000).toBe(0)
    expect(Math.abs(moment.dateMs - Date.now())).toBeLessThan(5000)
    expect(moment.receivedAt).toBeGreaterThan(moment.sentAt)
    expect(server).toContain('127.0.0.1')
    client.destroy()
  })

  it('a request to a store ends at its time limit, and at an abort with the reason', async () => {
    const proxy = await unsteadyProxy((await gateway()).endpoint)
    proxy.silent = true
    const client = newClient({ ...(await gateway()), endpoint: proxy.endpoint })
    const head = (): HeadBucketCommand => new HeadBucketCommand({ Bucket: BUCKET })
    await expect(send(client, head(), { timeoutMs: 100 })).rejects.toThrow(
      'No answer from the store within 100 ms',
    )
    const stop = new AbortController()
    const sending = send(client, head(), { timeoutMs: 10_000, signal: stop.signal })
    stop.abort(new Error('enough'))
    await expect(sending).rejects.toThrow('enough')
    client.destroy()
  })
})
