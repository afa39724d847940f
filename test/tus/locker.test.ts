import { expect, test } from 'vitest'
import { TempFileLocker } from '../../src/tus/index.ts'
import { failureSync } from '../fixtures/failures.ts'
import { tempManager } from '../fixtures/temp-base.ts'

const signal = (): AbortSignal => new AbortController().signal
const nothing = (): void => {}

test('a lock that is held is refused with 423 when its time is over, and free when it is given back', async () => {
  const locker = new TempFileLocker(tempManager(), { timeout: 1 })
  const [first, second] = [locker.newLock('film'), locker.newLock('film')]
  await first.lock(signal(), nothing)
  await expect(second.lock(signal(), nothing)).rejects.toMatchObject({ status_code: 423 })
  await first.unlock()
  await second.lock(signal(), nothing)
  await second.unlock()
})

test('TempFileLocker refuses a timeout that is longer than a timer can wait', () => {
  failureSync('ERR_TEMP_OPTION_INVALID', () => new TempFileLocker(tempManager(), { timeout: '25d' }))
})

test('uploads do not share a lock', async () => {
  const locker = new TempFileLocker(tempManager(), { timeout: 1 })
  await locker.newLock('one').lock(signal(), nothing)
  await locker.newLock('two').lock(signal(), nothing)
})

test('a request that has ended waits no longer', async () => {
  const locker = new TempFileLocker(tempManager())
  await locker.newLock('film').lock(signal(), nothing)
  const ended = new AbortController()
  const waiting = locker.newLock('film').lock(ended.signal, nothing)
  ended.abort()
  await expect(waiting).rejects.toMatchObject({ status_code: 400 })
})

test('a holder that receives nothing is asked to give its lock back', async () => {
  const locker = new TempFileLocker(tempManager())
  const stuck = locker.newLock('film')
  await stuck.lock(signal(), () => stuck.unlock())
  await locker.newLock('film').lock(signal(), nothing)
})
