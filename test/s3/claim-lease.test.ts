import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { GetObjectCommand, type S3Client } from '@aws-sdk/client-s3'
import { describe, expect, it } from 'vitest'
import { onAbort } from '../../src/runtime/abort.ts'
import { ClaimLease } from '../../src/s3/claim-lease.ts'
import type { Swap } from '../../src/s3/records.ts'
import type { Budget } from '../../src/s3/retry.ts'
import type { LiveRecord, TicketRecord } from '../../src/s3/ticket-record.ts'
import { BUCKET, cephStore, gateway, haveCeph, needsCeph, newClient, refuseWhen } from '../fixtures/ceph.ts'
import { startOf } from '../fixtures/child-programs.ts'
import { failure } from '../fixtures/failures.ts'
import { tempManager } from '../fixtures/temp-base.ts'

const LIVE: LiveRecord = {
  ticket: '0123456789abcdefghjkmnpqrs',
  name: 'x',
  bytes: 1,
  partBytes: 1,
  digest: 'd',
  ttlMs: 1,
  publishedAtMs: 1,
  state: 'claimed',
  sinceMs: 1,
  attempt: 1,
  nonce: 'n',
}

/** The output of a worker whose host's clock is wrong by `skew` (faketime's notation). */
async function onSkewedHost(skew: string, prefix: string, ...tickets: string[]): Promise<string[]> {
  const { endpoint } = await gateway()
  const command = ['--exclude-monotonic', '-f', skew, process.execPath, startOf('s3-worker.ts')]
  const { stdout } = await promisify(execFile)('faketime', [...command, endpoint, prefix, ...tickets])
  return stdout.trim().split('\n')
}

/** The end of a claim as its record has it: milliseconds by the store's clock. */
async function leaseEnd(client: S3Client, Key: string): Promise<number> {
  const { Body } = await client.send(new GetObjectCommand({ Bucket: BUCKET, Key }))
  return JSON.parse((await Body?.transformToString()) ?? '').untilMs
}

it('close() does not wait for a renewal that gets no answer', async () => {
  let renewing = (): void => {}
  const renewed = new Promise<void>((resolve) => {
    renewing = resolve
  })
  const record = { ...LIVE, untilMs: 10_000 }
  const now = performance.now()
  const seen = { record, etag: 'e', moment: { dateMs: 1000, sentAt: now - 4000, receivedAt: now - 4000 } }
  const swap = (_: unknown, to: TicketRecord, { signal }: Budget): Promise<Swap> => {
    if (to.state !== 'claimed') return Promise.resolve({ won: true, seen: { ...seen, record: to } })
    renewing()
    return new Promise((_, reject) => onAbort([signal], ({ reason }) => reject(reason)))
  }
  const lease = new ClaimLease(
    { swap },
    {
      seen,
      record,
      leaseMs: 9000,
      timeoutMs: 1000,
      closing: undefined,
      onEnd: () => {},
      deleteData: async () => {},
    },
  )
  await renewed
  await lease.abandon(new Error('closed'))
  expect(lease.way).toBe('released')
})

describe.skipIf(!haveCeph)(`claims between hosts${needsCeph}`, () => {
  it('a claim between hosts is renewed by itself: it outlives its first lease', async () => {
    // The lease is long enough that a busy machine has seconds for each renewal: Date has whole seconds, and the last sixth is a margin.
    const { store, client, prefix } = await cephStore({ lease: '9s' })
    const other = await cephStore({ prefix, lease: '9s' })
    const ticket = await store.handOff(await tempManager().receive('x'))
    await using claim = await store.claim(ticket)
    // A renewal is for one lease from its own moment on: this one was made when the first lease had ended, or later.
    const firstEnd = await leaseEnd(client, `${prefix}${ticket}/record`)
    await expect
      .poll(() => leaseEnd(client, `${prefix}${ticket}/record`), { timeout: 60_000, interval: 200 })
      .toBeGreaterThanOrEqual(firstEnd + 9000)
    expect(claim.signal.aborted).toBe(false)
    await failure('ERR_TEMP_HANDOFF_CLAIMED', () => other.store.claim(ticket))
    await claim.complete()
  })

  it('a claim that could not be given back comes back when its lease ends, although its process lives', async () => {
    const client = newClient(await gateway())
    const { store } = await cephStore({ client, lease: '9s' })
    const ticket = await store.handOff(await tempManager().receive('x'))
    let refusing = true
    const working = store.withClaim(ticket, () => {
      refuseWhen(client, () => refusing)
      throw new Error('mine')
    })
    await expect(working).rejects.toThrow('mine')
    refusing = false
    await expect
      .poll(async () => (await store.inspect(ticket)).state, { timeout: 30_000, interval: 200 })
      .toBe('available')
  })

  it('a renewal that the store has refused is repeated, as when credentials are replaced', async () => {
    const client = newClient(await gateway())
    const { store } = await cephStore({ client, lease: '9s' })
    const ticket = await store.handOff(await tempManager().receive('x'))
    await using claim = await store.claim(ticket)
    let puts = 0
    refuseWhen(client, () => {
      puts += 1
      return puts === 1
    })
    await expect.poll(() => puts, { timeout: 30_000 }).toBeGreaterThanOrEqual(2)
    expect(claim.signal.aborted).toBe(false)
    await claim.complete()
  })

  it.each(['+1d', '-1d'])(
    'a claim between hosts does not depend on any host’s clock: one that is wrong by %s changes nothing',
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
