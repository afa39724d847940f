import { existsSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { cephStore, haveCeph, needsCeph } from '../fixtures/ceph.ts'
import { failure, failureSync } from '../fixtures/failures.ts'
import { tempManager } from '../fixtures/temp-base.ts'

describe.skipIf(!haveCeph)(`claims of other hosts' files${needsCeph}`, () => {
  it("a claim of another host's file can be read, written and measured, and its removal completes it", async () => {
    const { store } = await cephStore()
    const claim = await store.claim(await store.handOff(await tempManager().receive('x')))
    await claim.write('more')
    expect([await claim.size(), Buffer.concat(await claim.createReadStream().toArray()).toString()]).toEqual([
      4,
      'more',
    ])
    await claim.remove()
    expect(existsSync(claim.path)).toBe(false)
    await failure('ERR_TEMP_HANDOFF_GONE', () => store.inspect(claim.ticket))
  })

  it("removeSync() of a claim of another host's file throws, and a `using` block gives the claim back", async () => {
    const { store } = await cephStore()
    const ticket = await store.handOff(await tempManager().receive('x'))
    let path = ''
    {
      using claim = await store.claim(ticket)
      path = claim.path
      failureSync('ERR_TEMP_IO', () => claim.removeSync())
      expect(existsSync(path)).toBe(true)
    }
    expect(existsSync(path)).toBe(false)
    await expect.poll(async () => (await store.inspect(ticket)).state).toBe('available')
  })

  it("a claim of another host's file that is kept until close outlives its scope", async () => {
    const { store, prefix } = await cephStore()
    const ticket = await store.handOff(await tempManager().receive('x'))
    {
      await using claim = await store.claim(ticket)
      claim.keepUntilClose()
    }
    expect((await store.inspect(ticket)).state).toBe('claimed')
    await store.close()
    expect((await (await cephStore({ prefix })).store.inspect(ticket)).state).toBe('available')
  })
})
