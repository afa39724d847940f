import { once } from 'node:events'
import { buffer } from 'node:stream/consumers'
import { expect, test } from 'vitest'
import { PartStream } from '../../../src/http/receive/part-stream.ts'

test('bytes that are offered come out whole, and the end after them', async () => {
  const part = new PartStream()
  part.offer(Buffer.from('first '))
  part.offer(Buffer.from('second'))
  part.finish()
  expect((await buffer(part)).toString()).toBe('first second')
})

test.each([
  ['256 KiB', 64 * 1024, 4],
  ['1,024 chunks', 1, 1024],
])('an offer waits once %s are not read, until they are', async (_what, bytes, count) => {
  const part = new PartStream()
  let waiting: Promise<void> | undefined
  let offers = 0
  while (waiting === undefined && offers < 5000) {
    waiting = part.offer(Buffer.alloc(bytes))
    offers += 1
  }
  expect(offers).toBe(count)
  part.resume()
  await waiting
  expect(part.readableLength).toBe(0)
  part.destroy()
})

test('an offer does not wait for a reader that has given up', async () => {
  const part = new PartStream()
  const waiting = part.offer(Buffer.alloc(300 * 1024))
  expect(waiting).toBeInstanceOf(Promise)
  part.destroy()
  await waiting
  await once(part, 'close')
  expect(part.offer(Buffer.alloc(300 * 1024))).toBeUndefined()
  part.finish()
})
