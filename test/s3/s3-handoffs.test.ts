// The additions of a store between hosts to the contract of handoffs (contract.test.ts), on a real Ceph gateway.

import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { cephStore, gateway, haveCeph, lost, needsCeph, newClient, onAnswer } from '../fixtures/ceph.ts'
import { failure } from '../fixtures/failures.ts'
import { tempManager } from '../fixtures/temp-base.ts'
import { unsteadyProxy } from '../fixtures/unsteady-proxy.ts'

describe.skipIf(!haveCeph)(`handoffs between hosts${needsCeph}`, () => {
  it('a stream claim gives the bytes without a file, as often as asked', async () => {
    const manager = tempManager()
    const { store } = await cephStore({ manager })
    const ticket = await store.handOff(await tempManager().receive('frames', { name: 'a.bin' }))
    await using claim = await store.claim(ticket, { download: false })
    expect([claim.name, claim.bytes]).toEqual(['a.bin', 6])
    for (let time = 0; time < 2; time += 1)
      expect(Buffer.concat(await claim.stream().toArray()).toString()).toBe('frames')
    expect(manager.sessionPath).toBeUndefined()
    await claim.complete()
    expect(claim.disposed).toBe(true)
  })

  it('a local handoff is published from its claim, which that completes', async () => {
    const { store } = await cephStore()
    const manager = tempManager()
    const local = await (await manager.receive('x', { name: 'a.txt' })).handOff()
    const ticket = await manager.withClaim(local, (claim) => {
      if (claim.kind !== 'file') throw new Error('a directory')
      return store.handOff(claim, { meta: claim.ticket })
    })
    await failure('ERR_TEMP_HANDOFF_GONE', () => manager.claim(local))
    await store.withClaim(ticket, (claim) => {
      expect([claim.name, claim.meta]).toEqual(['a.txt', local])
    })
  })

  it('claims that are held when the store closes are given back', async () => {
    const { store, prefix } = await cephStore()
    const ticket = await store.handOff(await tempManager().receive('x'))
    await store.claim(ticket)
    await store.close()
    await failure('ERR_TEMP_CLOSED', () => store.claim(ticket))
    const other = await cephStore({ prefix })
    expect(await other.store.inspect(ticket)).toMatchObject({ state: 'available', attempts: 1 })
  })

  it('the holders of claims learn that close() gives them back', async () => {
    const { store, prefix } = await cephStore()
    const [held, worked] = [
      await store.handOff(await tempManager().receive('x')),
      await store.handOff(await tempManager().receive('y')),
    ]
    const claim = await store.claim(held)
    const working = store.withClaim(worked, () => store.close())
    await failure('ERR_TEMP_CLOSED', () => working)
    expect(claim.signal.reason).toMatchObject({ code: 'ERR_TEMP_CLOSED' })
    await failure('ERR_TEMP_CLOSED', () => claim.complete())
    const other = await cephStore({ prefix })
    for (const ticket of [held, worked])
      expect(await other.store.inspect(ticket)).toMatchObject({ state: 'available', attempts: 1 })
  })

  it.each(['GET', 'PUT'])(
    'a claim that is under way when the store closes is given back: at the answer of its %s',
    async (at) => {
      const client = newClient(await gateway())
      const { store, prefix } = await cephStore({ client })
      const ticket = await store.handOff(await tempManager().receive('x'))
      let closing: Promise<void> | undefined
      onAnswer(client, ({ method, path }) => {
        if (method === at && path.endsWith('/record')) closing ??= store.close()
      })
      await failure('ERR_TEMP_CLOSED', () => store.claim(ticket, { download: false }))
      await closing
      expect(await (await cephStore({ prefix })).store.inspect(ticket)).toMatchObject({ state: 'available' })
    },
  )

  it('a claim that is aborted when the store has made it, but has not said so, is given back', async () => {
    const client = newClient(await gateway())
    const { store } = await cephStore({ client })
    const ticket = await store.handOff(await tempManager().receive('x'))
    const stop = new AbortController()
    onAnswer(client, ({ method }) => {
      if (method !== 'PUT' || stop.signal.aborted) return
      stop.abort()
      throw lost
    })
    await failure('ERR_TEMP_ABORTED', () => store.claim(ticket, { signal: stop.signal }))
    expect(await store.inspect(ticket)).toMatchObject({ state: 'available', attempts: 1 })
  })

  it('the first operation can be aborted while the store is probed', async () => {
    const proxy = await unsteadyProxy((await gateway()).endpoint)
    const client = newClient({ ...(await gateway()), endpoint: proxy.endpoint })
    const { store } = await cephStore({ client, timeout: '1h' })
    proxy.silent = true
    const signal = AbortSignal.timeout(100)
    await failure('ERR_TEMP_TIMEOUT', () => store.claim('0123456789abcdefghjkmnpqrs', { signal }))
  })

  it('a listing is full although tickets end between its LIST and its GETs', async () => {
    const client = newClient(await gateway())
    const { store, prefix } = await cephStore({ client })
    const other = await cephStore({ prefix })
    const tickets: string[] = []
    for (let n = 0; n < 5; n += 1) tickets.push(await store.handOff(await tempManager().receive(`${n}`)))
    tickets.sort()
    onAnswer(client, async ({ query }) => {
      if ('list-type' in query) await other.store.discard(tickets[0] ?? '')
    })
    const listed = await store.handoffs({ limit: 3 })
    expect(listed.map(({ ticket }) => ticket)).toEqual(tickets.slice(1, 4))
  })

  it('a listing is paged by ticket', async () => {
    const { store } = await cephStore()
    const tickets: string[] = []
    for (let n = 0; n < 5; n += 1) tickets.push(await store.handOff(await tempManager().receive(`${n}`)))
    tickets.sort()
    const first = await store.handoffs({ limit: 3 })
    const second = await store.handoffs({ limit: 3, after: first.at(-1)?.ticket })
    expect([...first, ...second].map(({ ticket }) => ticket)).toEqual(tickets)
  })

  it('a claim while the store is silent fails typed, and the same store works afterwards', async () => {
    const proxy = await unsteadyProxy((await gateway()).endpoint)
    const client = newClient({ ...(await gateway()), endpoint: proxy.endpoint })
    const { store } = await cephStore({ client, timeout: '1s' })
    const ticket = await store.handOff(await tempManager().receive('x'))
    proxy.silent = true
    client.config.requestHandler.destroy?.() // its open connections are those from before the cut
    await failure('ERR_TEMP_TIMEOUT', () => store.claim(ticket))
    proxy.silent = false
    expect(await store.withClaim(ticket, ({ path }) => readFileSync(path, 'utf8'))).toBe('x')
  })

  it('a store that cannot be reached is reported with a typed error', async () => {
    const client = newClient({ ...(await gateway()), endpoint: 'http://127.0.0.1:9' })
    const { store } = await cephStore({ client, timeout: '20s' })
    await failure('ERR_TEMP_DOWNLOAD_FAILED', () => store.claim('0123456789abcdefghjkmnpqrs'))
    const file = await tempManager().receive('x')
    await failure('ERR_TEMP_UPLOAD_FAILED', () => store.handOff(file))
    expect(readFileSync(file.path, 'utf8')).toBe('x')
  })

  it('a claim that was aborted before it started is refused, and its ticket stays available', async () => {
    const { store } = await cephStore()
    const ticket = await store.handOff(await tempManager().receive('x'))
    const stop = new AbortController()
    stop.abort()
    await failure('ERR_TEMP_ABORTED', () => store.claim(ticket, { signal: stop.signal }))
    expect((await store.inspect(ticket)).state).toBe('available')
  })

  it('a lost answer of each write is understood: published once, claimed once, completed', async () => {
    const proxy = await unsteadyProxy((await gateway()).endpoint)
    const client = newClient({ ...(await gateway()), endpoint: proxy.endpoint })
    const { store, keys } = await cephStore({ client })
    await store.probe()
    proxy.loseAnswers = 1
    const ticket = await store.handOff(await tempManager().receive('x'))
    proxy.loseAnswers = 2
    const claim = await store.claim(ticket)
    expect(claim.attempt).toBe(1)
    proxy.loseAnswers = 1
    await claim.complete()
    await failure('ERR_TEMP_HANDOFF_GONE', () => store.claim(ticket))
    expect(proxy.breaks).toBe(4)
    await store.sweep({ tombstonesAfter: 0 })
    expect(await keys()).toEqual([])
  })
})
