import { CreateMultipartUploadCommand, PutObjectCommand } from '@aws-sdk/client-s3'
import { describe, expect, it } from 'vitest'
import type { S3SweepReport } from '../../src/s3/index.ts'
import { inParallel } from '../../src/s3/parallel.ts'
import {
  BUCKET,
  cephStore,
  gateway,
  haveCeph,
  needsCeph,
  newClient,
  onAnswer,
  refuseWhen,
} from '../fixtures/ceph.ts'
import { failure } from '../fixtures/failures.ts'
import { tempManager } from '../fixtures/temp-base.ts'

const ORPHAN = '0123456789abcdefghjkmnpqrs'

describe.skipIf(!haveCeph)(`sweeps of a bucket${needsCeph}`, () => {
  it('a sweep of a bucket removes data without a record, and refuses a late record of its publisher', async () => {
    const { store, client, prefix, keys } = await cephStore()
    const Key = `${prefix}${ORPHAN}/data-1000`
    await client.send(new PutObjectCommand({ Bucket: BUCKET, Key, Body: 'x' }))
    expect((await store.sweep()).items).toEqual([])
    const dry = await store.sweep({ orphansAfter: 0, dryRun: true })
    expect(dry.items).toEqual([
      { ticket: ORPHAN, action: 'would-remove', reason: 'data without a record', bytes: 1 },
    ])
    expect(await keys()).toEqual([`${ORPHAN}/data-1000`])
    const report = await store.sweep({ orphansAfter: 0 })
    expect(report).toMatchObject({ bytes: 1, finished: true, items: [{ action: 'removed' }] })
    expect(await keys()).toEqual([`${ORPHAN}/record`]) // the tombstone, which a late record cannot replace
    const late = new PutObjectCommand({
      Bucket: BUCKET,
      Key: `${prefix}${ORPHAN}/record`,
      Body: '{}',
      IfNoneMatch: '*',
    })
    await expect(client.send(late)).rejects.toMatchObject({ $metadata: { httpStatusCode: 412 } })
    await store.sweep({ tombstonesAfter: 0 })
    expect(await keys()).toEqual([])
  })

  it('a sweep of a bucket aborts the unfinished multipart uploads of tickets only', async () => {
    const { store, client, prefix } = await cephStore()
    for (const Key of [`${prefix}${ORPHAN}/data-1000`, `${prefix}foreign`])
      await client.send(new CreateMultipartUploadCommand({ Bucket: BUCKET, Key }))
    expect((await store.sweep()).items).toEqual([])
    expect((await store.sweep({ uploadsAfter: 0 })).items).toMatchObject([
      { ticket: ORPHAN, action: 'removed', reason: 'unfinished multipart upload' },
    ])
    expect((await store.sweep({ uploadsAfter: 0 })).items).toEqual([])
  })

  it('one sweep of a bucket aborts more unfinished multipart uploads than one listing shows', async () => {
    const { store, client, prefix } = await cephStore()
    const Key = `${prefix}${ORPHAN}/data-1000`
    await inParallel([...Array(1100).keys()], async () => {
      await client.send(new CreateMultipartUploadCommand({ Bucket: BUCKET, Key }))
    })
    expect((await store.sweep()).items).toEqual([])
    // Out of time after the first page: what is left is said, and the tickets still get their turn.
    const cut = await store.sweep({ uploadsAfter: 0, dryRun: true, timeLimit: 0 })
    expect(cut.finished).toBe(false)
    expect(cut.items.length).toBeLessThan(1100)
    const report = await store.sweep({ uploadsAfter: 0 })
    expect([report.finished, report.items.length]).toEqual([true, 1100])
    expect((await store.sweep({ uploadsAfter: 0 })).items).toEqual([])
  })

  it('two sweeps that meet at an unfinished multipart upload both end, and one reports it', async () => {
    const client = newClient(await gateway())
    const { store, prefix } = await cephStore({ client })
    const other = await cephStore({ prefix })
    await client.send(
      new CreateMultipartUploadCommand({ Bucket: BUCKET, Key: `${prefix}${ORPHAN}/data-1000` }),
    )
    const reports: S3SweepReport[] = []
    onAnswer(client, async ({ query }) => {
      if ('uploads' in query) reports.push(await other.store.sweep({ uploadsAfter: 0 }))
    })
    reports.push(await store.sweep({ uploadsAfter: 0 }))
    expect(reports.map(({ items }) => items.length)).toEqual([1, 0])
  })

  it('an upload or a probe that a sweep cannot remove is reported, and the sweep goes on', async () => {
    const client = newClient(await gateway())
    const { store, prefix } = await cephStore({ client })
    await client.send(
      new CreateMultipartUploadCommand({ Bucket: BUCKET, Key: `${prefix}${ORPHAN}/data-1000` }),
    )
    await client.send(new PutObjectCommand({ Bucket: BUCKET, Key: `${prefix}.probe/${ORPHAN}`, Body: 'x' }))
    refuseWhen(client, ({ method, path }) => method === 'DELETE' && path.includes(ORPHAN))
    expect(await store.sweep({ uploadsAfter: 0, orphansAfter: 0 })).toMatchObject({
      finished: true,
      items: [
        { ticket: ORPHAN, action: 'failed', reason: expect.stringContaining('unfinished multipart upload') },
        { ticket: undefined, action: 'failed', reason: expect.stringContaining('interrupted probe') },
      ],
    })
  })

  it('a sweep of a bucket leaves foreign objects, tickets in time, claims and young tombstones', async () => {
    const { store, client, prefix, keys } = await cephStore()
    for (const foreign of ['notes.txt', '.probe', '.probe/notes.txt'])
      await client.send(new PutObjectCommand({ Bucket: BUCKET, Key: prefix + foreign, Body: 'x' }))
    const tickets: string[] = []
    for (const content of ['waiting', 'claimed', 'completed'])
      tickets.push(
        await store.handOff(await tempManager().receive(content), { ttl: content === 'claimed' ? 0 : '1h' }),
      )
    const claim = await store.claim(tickets[1] ?? '')
    await store.discard(tickets[2] ?? '')
    const before = await keys()
    expect((await store.sweep({ orphansAfter: 0, uploadsAfter: 0 })).items).toEqual([])
    expect(await keys()).toEqual(before)
    await claim.complete()
  })

  it('a sweep of a bucket deletes the data that a worker left which died after it wrote the tombstone', async () => {
    const { store, client, prefix, keys } = await cephStore()
    const ticket = await store.handOff(await tempManager().receive('x'))
    const data = (await keys()).find((key) => key.includes('data')) ?? ''
    await store.discard(ticket)
    await client.send(new PutObjectCommand({ Bucket: BUCKET, Key: prefix + data, Body: 'x' }))
    expect((await store.sweep()).items).toMatchObject([{ ticket, reason: 'tombstone: discarded' }])
    expect(await keys()).toEqual([`${ticket}/record`])
    await failure('ERR_TEMP_HANDOFF_GONE', () => store.claim(ticket))
  })
})
