import { describe, expect, it } from 'vitest'
import { Keys } from '../../src/s3/keys.ts'
import { Records } from '../../src/s3/records.ts'
import { budgetOf } from '../../src/s3/retry.ts'
import { tombstoneOf } from '../../src/s3/ticket-record.ts'
import { failure } from '../fixtures/failures.ts'
import { answer, smallBucket } from '../fixtures/small-bucket.ts'

const TICKET = '0123456789abcdefghjkmnpqrs'
const keys = new Keys('p/')
const version = (): ReturnType<typeof tombstoneOf> => tombstoneOf(TICKET, 'completed', 1, 1)

describe('compare-and-swaps', () => {
  it('a compare-and-swap wins when its answer was lost, and the repeated request was refused', async () => {
    const bucket = smallBucket()
    const records = new Records(bucket, keys, 1000)
    bucket.onPut = (when) => {
      if (when === 'after' && bucket.puts === 1) throw answer(500)
    }
    const swap = await records.swap(undefined, version(), budgetOf(5000))
    expect([swap.won, bucket.puts]).toEqual([true, 2])
    expect(await records.swap(swap.seen, version(), budgetOf(5000))).toMatchObject({ won: true })
  })

  it('a compare-and-swap loses when another version is there, and returns that', async () => {
    const records = new Records(smallBucket(), keys, 1000)
    const first = await records.swap(undefined, version(), budgetOf(1000))
    expect(await records.swap(undefined, version(), budgetOf(1000))).toMatchObject({
      won: false,
      seen: { record: { nonce: first.seen?.record.nonce } },
    })
  })

  it('a compare-and-swap loses when the record has been removed', async () => {
    const bucket = smallBucket()
    const records = new Records(bucket, keys, 1000)
    const { seen } = await records.swap(undefined, version(), budgetOf(1000))
    bucket.objects.clear()
    expect(await records.swap(seen, version(), budgetOf(1000))).toEqual({ won: false, seen: undefined })
  })

  it('a compare-and-swap is repeated after 409, which AWS answers to simultaneous writes', async () => {
    const bucket = smallBucket()
    bucket.onPut = (when) => {
      if (when === 'before' && bucket.puts < 3) throw answer(409)
    }
    const swap = await new Records(bucket, keys, 1000).swap(undefined, version(), budgetOf(5000))
    expect([swap.won, bucket.puts]).toEqual([true, 3])
  })

  it('a compare-and-swap gives up when its time is over', async () => {
    const bucket = smallBucket()
    bucket.onPut = () => {
      throw answer(503)
    }
    const swapping = new Records(bucket, keys, 1000).swap(undefined, version(), budgetOf(200))
    await expect(swapping).rejects.toThrow('status 503')
  })
})

it('a record that is not valid is reported, and a missing one is read as undefined', async () => {
  const bucket = smallBucket()
  const records = new Records(bucket, keys, 1000)
  expect(await records.read(TICKET, budgetOf(1000))).toBeUndefined()
  bucket.objects.set(keys.record(TICKET), Buffer.from('{}'))
  await failure('ERR_TEMP_HANDOFF_CORRUPT', () => records.read(TICKET, budgetOf(1000)))
})
