import { expect, it } from 'vitest'
import type { Bucket } from '../../src/s3/bucket.ts'
import { changeTicket } from '../../src/s3/change-ticket.ts'
import { Keys } from '../../src/s3/keys.ts'
import { Records } from '../../src/s3/records.ts'
import { budgetOf } from '../../src/s3/retry.ts'
import type { Store } from '../../src/s3/store.ts'
import { tombstoneOf } from '../../src/s3/ticket-record.ts'
import { failure } from '../fixtures/failures.ts'
import { smallBucket } from '../fixtures/small-bucket.ts'

const TICKET = '0123456789abcdefghjkmnpqrs'

it('a change that meets another one decides again from what that has left', async () => {
  const bucket = smallBucket()
  const records = new Records(bucket as unknown as Bucket, new Keys('p/'), 1000) // get() and put() are all it calls
  const store = { records } as Store // all that a change uses
  await failure('ERR_TEMP_HANDOFF_GONE', () =>
    changeTicket(store, TICKET, budgetOf(1000), () => ({ refused: 'gone' })),
  )
  await records.swap(undefined, tombstoneOf(TICKET, 'completed', 1, 1), budgetOf(1000))
  const attempts: number[] = []
  const { before, after } = await changeTicket(store, TICKET, budgetOf(1000), (record) => {
    attempts.push(record.attempt)
    if (attempts.length === 1) {
      const [[key, bytes] = ['', Buffer.alloc(0)]] = [...bucket.objects]
      bucket.objects.set(key, Buffer.from(bytes.toString().replace('"attempt":1', '"attempt":7')))
    }
    return { to: tombstoneOf(TICKET, 'completed', record.attempt + 1, 1) }
  })
  expect(attempts).toEqual([1, 7])
  expect([before.record.attempt, after.record.attempt]).toEqual([7, 8])
})
