// One table of guarantees, two stores: handoffs of a manager on this host, and S3Handoffs on a real Ceph gateway.

import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { type Claim, isTempFileError, type Json, type TempFileManager } from '../../src/index.ts'
import { cephStore, haveCeph, needsCeph } from '../fixtures/ceph.ts'
import { failure } from '../fixtures/failures.ts'
import { tempBase, tempManager } from '../fixtures/temp-base.ts'

/** The methods that both have. */
interface Handoffs {
  publish(content: string, options?: { name?: string; ttl?: number; meta?: Json }): Promise<string>
  claim(ticket: string): Promise<Claim>
  withClaim<T>(ticket: string, fn: (claim: Claim) => Promise<T> | T): Promise<T>
  inspect(
    ticket: string,
  ): Promise<{ state: string; attempts: number; meta: unknown; name: string | undefined }>
  handoffs(): Promise<readonly { ticket: string; state: string }[]>
  discard(ticket: string): Promise<void>
  retry(ticket: string): Promise<void>
  sweep(): Promise<unknown>
  /** Closes the manager whose session has the claimed files. */
  closeManager(): Promise<void>
  /** removeAll() of the same manager. */
  removeAll(): Promise<void>
}

/** Two participants that share one store: a publisher and worker, and another worker. */
type Open = (handoff?: { maxAttempts: number }) => Promise<readonly [Handoffs, Handoffs]>

const local: Open = async (handoff) => {
  const baseDir = tempBase()
  const [one, two] = [tempManager({ baseDir, handoff }), tempManager({ baseDir, handoff })]
  return [ofManager(one), ofManager(two)]
}

function ofManager(manager: TempFileManager): Handoffs {
  return {
    publish: async (content, { name, ...options } = {}) =>
      await (await manager.receive(content, { name })).handOff(options),
    claim: (ticket) => manager.claim(ticket),
    withClaim: (ticket, fn) => manager.withClaim(ticket, fn),
    inspect: (ticket) => manager.inspect(ticket),
    handoffs: () => manager.handoffs(),
    discard: (ticket) => manager.discard(ticket),
    retry: (ticket) => manager.retry(ticket),
    sweep: () => manager.sweep(),
    closeManager: () => manager.close(),
    removeAll: () => manager.removeAll(),
  }
}

const ceph: Open = async (handoff) => {
  const managers = [tempManager(), tempManager()] as const
  const { prefix, store: one } = await cephStore({ manager: managers[0], handoff })
  const { store: two } = await cephStore({ manager: managers[1], handoff, prefix })
  return [one, two].map(
    (store, index): Handoffs => ({
      publish: async (content, { name, ...options } = {}) =>
        await store.handOff(await tempManager().receive(content, { name }), options),
      claim: (ticket) => store.claim(ticket),
      withClaim: (ticket, fn) => store.withClaim(ticket, fn),
      inspect: (ticket) => store.inspect(ticket),
      handoffs: () => store.handoffs(),
      discard: (ticket) => store.discard(ticket),
      retry: (ticket) => store.retry(ticket),
      sweep: () => store.sweep(),
      closeManager: async () => await managers[index]?.close(),
      removeAll: async () => await managers[index]?.removeAll(),
    }),
  ) as unknown as readonly [Handoffs, Handoffs] // two in, two out
}

const UNKNOWN = '0123456789abcdefghjkmnpqrs'

describe.each([
  { name: 'one host', open: local, skip: false },
  { name: `a Ceph gateway${needsCeph}`, open: ceph, skip: !haveCeph },
])('handoffs on $name', ({ open, skip }) => {
  const test = it.skipIf(skip)

  test('a handoff arrives with its bytes, its name and its meta', async () => {
    const [one, two] = await open()
    const ticket = await one.publish('frames', { name: 'clip.mkv', meta: { kind: 'clip', frames: [1, 2] } })
    await using claim = await two.claim(ticket)
    expect(claim.ticket).toBe(ticket)
    expect(claim.kind).toBe('file')
    expect(claim.name).toBe('clip.mkv')
    expect(claim.meta).toEqual({ kind: 'clip', frames: [1, 2] })
    expect(claim.attempt).toBe(1)
    expect(readFileSync(claim.path, 'utf8')).toBe('frames')
  })

  test('a handoff is refused to everybody else while it is claimed', async () => {
    const [one, two] = await open()
    const ticket = await one.publish('x')
    await using _ = await one.claim(ticket)
    const error = await failure('ERR_TEMP_HANDOFF_CLAIMED', () => two.claim(ticket))
    expect(error.details).toMatchObject({ pid: process.pid })
    expect((await two.inspect(ticket)).state).toBe('claimed')
    await failure('ERR_TEMP_HANDOFF_CLAIMED', () => two.discard(ticket))
  })

  test('a handoff goes to exactly one of many claimants', async () => {
    const [one, two] = await open()
    const ticket = await one.publish('x')
    const all = await Promise.allSettled(
      Array.from({ length: 12 }, (_, index) => (index % 2 === 0 ? one : two).claim(ticket)),
    )
    expect(all.filter(({ status }) => status === 'fulfilled')).toHaveLength(1)
    for (const each of all) {
      if (each.status === 'fulfilled') await each.value.release()
      else expect(isTempFileError(each.reason) && each.reason.code).toBe('ERR_TEMP_HANDOFF_CLAIMED')
    }
  })

  test('a handoff that was released can be claimed again, and the attempts count on', async () => {
    const [one, two] = await open()
    const ticket = await one.publish('x')
    const first = await one.claim(ticket)
    await first.release()
    expect(first.disposed).toBe(true)
    await using second = await two.claim(ticket)
    expect(second.attempt).toBe(2)
    await failure('ERR_TEMP_REMOVED', () => first.complete())
  })

  test('a handoff goes back at the end of a scope that did not complete it', async () => {
    const [one, two] = await open()
    const ticket = await one.publish('x')
    {
      await using _ = await one.claim(ticket)
    }
    expect(await two.inspect(ticket)).toMatchObject({ state: 'available', attempts: 1 })
  })

  test('a handoff that was completed never comes back', async () => {
    const [one, two] = await open()
    const ticket = await one.publish('x')
    const claim = await one.claim(ticket)
    await claim.complete()
    await claim.complete()
    expect(claim.disposed).toBe(true)
    await failure('ERR_TEMP_HANDOFF_GONE', () => two.claim(ticket))
    await failure('ERR_TEMP_HANDOFF_GONE', () => two.inspect(ticket))
    await failure('ERR_TEMP_HANDOFF_GONE', () => two.discard(ticket))
    expect(await two.handoffs()).toEqual([])
  })

  test('a handoff is completed by withClaim, and given back when its function throws', async () => {
    const [one, two] = await open()
    const ticket = await one.publish('x')
    await expect(one.withClaim(ticket, () => Promise.reject(new Error('no')))).rejects.toThrow('no')
    expect(await two.withClaim(ticket, ({ attempt }) => attempt)).toBe(2)
    await failure('ERR_TEMP_HANDOFF_GONE', () => one.claim(ticket))
  })

  test('a handoff is completed by persist(), which moves its file out', async () => {
    const [one, two] = await open()
    const ticket = await one.publish('x')
    const claim = await one.claim(ticket)
    const destination = join(tempBase(), 'kept')
    expect(await claim.persist(destination)).toBe(destination)
    expect(readFileSync(destination, 'utf8')).toBe('x')
    await failure('ERR_TEMP_HANDOFF_GONE', () => two.claim(ticket))
  })

  test('a claim is published again by handOff(), which completes the first handoff', async () => {
    const [one, two] = await open()
    const ticket = await one.publish('x')
    const next = await (await one.claim(ticket)).handOff({ meta: 'second stage' })
    await failure('ERR_TEMP_HANDOFF_GONE', () => two.claim(ticket))
    await using claim = await two.claim(next)
    expect([claim.meta, claim.attempt, readFileSync(claim.path, 'utf8')]).toEqual(['second stage', 1, 'x'])
  })

  test('a dead letter is refused, listed with its last error, and claimable after retry()', async () => {
    const [one, two] = await open({ maxAttempts: 2 })
    const ticket = await one.publish('x')
    await (await two.claim(ticket)).release(new Error('the first reason'))
    expect(await one.inspect(ticket)).toMatchObject({ state: 'available', lastError: 'the first reason' })
    await expect(two.withClaim(ticket, () => Promise.reject(new Error('no codec')))).rejects.toThrow()
    const error = await failure('ERR_TEMP_HANDOFF_DEAD', () => one.claim(ticket))
    expect(error).toMatchObject({ statusCode: 409, details: { attempts: 2 } })
    expect(error.cause).toEqual(new Error('no codec'))
    expect(await two.handoffs()).toMatchObject([{ ticket, state: 'dead', lastError: 'no codec' }])
    await one.retry(ticket)
    expect(await two.withClaim(ticket, ({ attempt }) => attempt)).toBe(3)
  })

  test('a dead letter survives sweeps, and is discarded without a claim', async () => {
    const [one, two] = await open({ maxAttempts: 1 })
    const ticket = await one.publish('x', { ttl: 0 })
    await (await two.claim(ticket)).release()
    await one.sweep()
    expect((await two.inspect(ticket)).state).toBe('dead')
    await two.discard(ticket)
    await failure('ERR_TEMP_HANDOFF_GONE', () => one.inspect(ticket))
  })

  test('close() of the manager aborts a claim, refuses its completion, and makes its handoff available', async () => {
    const [one, two] = await open()
    const ticket = await one.publish('x')
    const claim = await two.claim(ticket)
    expect(claim.signal.aborted).toBe(false)
    await two.closeManager()
    expect(claim.signal.reason).toMatchObject({ code: 'ERR_TEMP_CLOSED' })
    await failure('ERR_TEMP_CLOSED', () => claim.complete())
    await failure('ERR_TEMP_CLOSED', () => two.claim(ticket))
    expect(await one.inspect(ticket)).toMatchObject({ state: 'available', attempts: 1 })
  })

  test('withClaim rejects and does not complete the handoff when its function closes the manager', async () => {
    const [one, two] = await open()
    const ticket = await one.publish('x')
    const work = two.withClaim(ticket, () => two.closeManager())
    await failure('ERR_TEMP_CLOSED', () => work)
    expect(await one.inspect(ticket)).toMatchObject({ state: 'available', attempts: 1 })
  })

  test('withClaim rejects and does not complete the handoff when its function calls removeAll()', async () => {
    const [one, two] = await open()
    const ticket = await one.publish('x')
    const work = two.withClaim(ticket, () => two.removeAll())
    const error = await failure('ERR_TEMP_REMOVED', () => work)
    expect(error.message).toContain('removeAll()')
    expect(await one.inspect(ticket)).toMatchObject({ state: 'available', attempts: 1 })
  })

  test('withClaim resolves and does not complete the handoff when its function releases the claim', async () => {
    const [one, two] = await open()
    const ticket = await one.publish('x')
    const work = async (claim: Claim): Promise<string> => {
      await claim.release('not for me')
      return 'released'
    }
    expect(await two.withClaim(ticket, work)).toBe('released')
    expect(await one.inspect(ticket)).toMatchObject({ state: 'available', lastError: 'not for me' })
  })

  test('a handoff is not claimed by withClaim without a function: no attempt is spent', async () => {
    const [one, two] = await open()
    const ticket = await one.publish('x')
    await failure('ERR_TEMP_OPTION_INVALID', () => two.withClaim(ticket, undefined as unknown as () => void))
    expect(await one.inspect(ticket)).toMatchObject({ state: 'available', attempts: 0 })
  })

  test('a handoff is discarded without a claim', async () => {
    const [one, two] = await open()
    const ticket = await one.publish('x')
    await two.discard(ticket)
    await failure('ERR_TEMP_HANDOFF_GONE', () => one.claim(ticket))
  })

  test('a handoff is listed with its state', async () => {
    const [one, two] = await open()
    const tickets = [await one.publish('a'), await one.publish('b', { name: 'b.txt', meta: [1] })]
    await using _ = await one.claim(tickets[0] ?? '')
    const listed = await two.handoffs()
    expect(new Map(listed.map(({ ticket, state }) => [ticket, state]))).toEqual(
      new Map([
        [tickets[0], 'claimed'],
        [tickets[1], 'available'],
      ]),
    )
    expect(await two.inspect(tickets[1] ?? '')).toMatchObject({
      name: 'b.txt',
      meta: [1],
      attempts: 0,
      bytes: 1,
    })
  })

  test('a handoff is removed by a sweep after its time to live, and not before', async () => {
    const [one, two] = await open()
    const short = await one.publish('a', { ttl: 0 })
    const long = await one.publish('b', { ttl: 60_000 })
    await expect
      .poll(async () => {
        await two.sweep()
        return (await one.handoffs()).map(({ ticket }) => ticket)
      })
      .toEqual([long])
    await failure('ERR_TEMP_HANDOFF_GONE', () => one.claim(short))
  })

  test('a handoff of an empty file arrives empty', async () => {
    const [one, two] = await open()
    await using claim = await two.claim(await one.publish(''))
    expect(readFileSync(claim.path)).toHaveLength(0)
  })

  test('an unknown ticket is GONE, and a text that is not a ticket is refused', async () => {
    const [one] = await open()
    await failure('ERR_TEMP_HANDOFF_GONE', () => one.claim(UNKNOWN))
    for (const call of [one.claim, one.inspect, one.discard])
      await failure('ERR_TEMP_TICKET_INVALID', () => call('../etc/passwd'))
  })

  test('a publication with an unknown option, or with meta that is not JSON, is refused', async () => {
    const [one] = await open()
    await failure('ERR_TEMP_OPTION_INVALID', () => one.publish('x', { tll: 3 } as object))
    await failure('ERR_TEMP_OPTION_INVALID', () => one.publish('x', { meta: 1n as unknown as Json }))
    expect(await one.handoffs()).toEqual([])
  })
})
