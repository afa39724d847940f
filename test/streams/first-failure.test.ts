import { expect, test } from 'vitest'
import { FirstFailure } from '../../src/streams/first-failure.ts'

test('work ends with the first failure, while it still runs', async () => {
  const first = new FirstFailure()
  const racing = first.race(() => new Promise(() => {}))
  first.fail('first')
  first.fail('second')
  await expect(racing).rejects.toBe('first')
})

test('after a failure no work starts', async () => {
  const first = new FirstFailure()
  first.fail('before')
  const started: true[] = []
  await expect(async () => first.race(async () => void started.push(true))).rejects.toBe('before')
  expect(started).toEqual([])
})

test('work that fails itself rejects with its own error', async () => {
  const own = new Error('own')
  await expect(new FirstFailure().race(() => Promise.reject(own))).rejects.toBe(own)
  await expect(new FirstFailure().race(async () => {})).resolves.toBeUndefined()
})
