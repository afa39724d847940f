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
