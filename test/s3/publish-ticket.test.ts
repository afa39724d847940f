import { describe, expect, it } from 'vitest'
import { cephStore, gateway, haveCeph, lost, needsCeph, newClient, onAnswer } from '../fixtures/ceph.ts'
import { failure } from '../fixtures/failures.ts'
import { tempManager } from '../fixtures/temp-base.ts'

describe.skipIf(!haveCeph)(`publishers${needsCeph}`, () => {
  it('a publisher that cannot know whether its record was stored keeps the data, which a sweep removes', async () => {
    const client = newClient(await gateway())
    const { store, keys } = await cephStore({ client, timeout: '2s' })
    await store.probe()
    // The record, and not the data, is refused by a proxy of its own kind: the network fails for good.
    client.middlewareStack.add(
      (next) => (args) =>
        (args.request as { path: string }).path.endsWith('/record')
          ? Promise.reject(Object.assign(new Error('cut'), { code: 'ECONNRESET' }))
          : next(args),
      { step: 'finalizeRequest', name: 'cut' },
    )
    const file = await tempManager().receive('x')
    await failure('ERR_TEMP_UPLOAD_FAILED', () => store.handOff(file))
    expect(file.disposed).toBe(false)
    expect(await keys()).toHaveLength(1)
    client.middlewareStack.remove('cut')
    expect((await store.sweep({ orphansAfter: 0, tombstonesAfter: 0 })).items).toMatchObject([
      { action: 'removed' },
    ])
  })

  it('a handoff whose publisher gave up when its record was stored already is withdrawn', async () => {
    const client = newClient(await gateway())
    const { store, keys } = await cephStore({ client })
    const stop = new AbortController()
    onAnswer(client, ({ path }) => {
      if (!path.endsWith('/record') || stop.signal.aborted) return
      stop.abort()
      throw lost
    })
    const file = await tempManager().receive('x')
    await failure('ERR_TEMP_ABORTED', () => store.handOff(file, { signal: stop.signal }))
    expect(file.disposed).toBe(false)
    expect(await store.handoffs()).toEqual([])
    expect(await keys()).toEqual([expect.stringMatching(/\/record$/)]) // the tombstone
  })
})
