import fs, { lstatSync, readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import {
  countAttempt,
  createAttempt,
  markRetried,
  readAttempt,
  stampAttempt,
} from '../../src/claimable/attempt.ts'
import { tempBase } from '../fixtures/temp-base.ts'

const names = (directory: string): string[] => readdirSync(directory).sort()

test('each claim adds one to the count, and a retry forgives those so far without resetting it', () => {
  const directory = tempBase()
  createAttempt(fs, directory, false)
  expect(readAttempt(fs, directory)).toMatchObject({ count: 0, retriedAt: 0 })
  expect(countAttempt(fs, directory, names(directory))).toBe(1)
  expect(countAttempt(fs, directory, names(directory))).toBe(2)
  markRetried(fs, directory, names(directory))
  expect(countAttempt(fs, directory, names(directory))).toBe(3)
  markRetried(fs, directory, names(directory))
  expect(readAttempt(fs, directory)).toMatchObject({ count: 3, retriedAt: 3 })
  expect(names(directory), 'one file for each counter').toEqual(['attempt-3', 'retried-3'])
})

test('the highest counter counts where a crash left two', () => {
  const directory = tempBase()
  for (const name of ['attempt-2', 'attempt-10', 'retried-1', 'retried-2'])
    fs.writeFileSync(join(directory, name), '')
  expect(readAttempt(fs, directory)).toMatchObject({ count: 10, retriedAt: 2 })
  expect(countAttempt(fs, directory, names(directory))).toBe(11)
})

test('a handoff whose counter is missing has no attempt, and its next claim is the first', () => {
  const directory = tempBase()
  expect(readAttempt(fs, directory)).toBeUndefined()
  expect(readAttempt(fs, join(directory, 'missing'))).toBeUndefined()
  expect(countAttempt(fs, directory, [])).toBe(1)
})

test('a stamp changes the times of the counter and no other', () => {
  const directory = tempBase()
  createAttempt(fs, directory, true)
  expect(statSync(join(directory, 'attempt-0')).mode & 0o777).toBe(0o600)
  fs.utimesSync(join(directory, 'attempt-0'), 1, 1)
  stampAttempt(fs, directory, names(directory))
  const { mtimeMs } = lstatSync(join(directory, 'attempt-0'))
  expect(mtimeMs).not.toBe(1000)
  expect(names(directory)).toEqual(['attempt-0'])
})

test('a counter that cannot be stamped does not stop the handoff from going back', () => {
  const failing = {
    ...fs,
    utimesSync: () => {
      throw Object.assign(new Error('EPERM'), { code: 'EPERM' })
    },
  } as unknown as typeof fs
  expect(() => stampAttempt(failing, tempBase(), ['attempt-0'])).not.toThrow()
})
