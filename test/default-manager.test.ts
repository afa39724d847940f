import { expect, onTestFinished, test } from 'vitest'
import { getTempManager, setTempManager, TempFileManager } from '../src/index.ts'
import { tempManager } from './fixtures/temp-base.ts'

test('a process has one default manager, made at the first call', async () => {
  onTestFinished(() => setTempManager(undefined))
  setTempManager(undefined)
  const first = getTempManager()
  expect(first).toBeInstanceOf(TempFileManager)
  expect(getTempManager()).toBe(first)
  expect(first.sessionPath, 'nothing made yet').toBeUndefined()
  await first.close()
})

test('the default can be set, and unset for a new one', () => {
  onTestFinished(() => setTempManager(undefined))
  const mine = tempManager()
  setTempManager(mine)
  expect(getTempManager()).toBe(mine)
  setTempManager(undefined)
  expect(getTempManager()).not.toBe(mine)
})

test.each(['close', 'closeSync'] as const)(
  'after %s of the default manager the next call makes a new one',
  async (way) => {
    onTestFinished(() => setTempManager(undefined))
    setTempManager(tempManager())
    const closed = getTempManager()
    const closing = closed[way]()
    const next = getTempManager()
    expect(next).not.toBe(closed)
    await closing
    await next.close()
  },
)

test('only a manager can be the default', () => {
  for (const other of [null, {}, 'manager', 5])
    expect(() => setTempManager(other as never)).toThrow(
      expect.objectContaining({ code: 'ERR_TEMP_OPTION_INVALID' }),
    )
})
