import fs, { mkdirSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { clearFailure, readFailure, reasonText, writeFailure } from '../../src/claimable/last-error.ts'
import { tempBase } from '../fixtures/temp-base.ts'

describe('reasons', () => {
  test.each([
    ['a reason that is an error is its message', new Error('no codec'), 'no codec'],
    ['a reason that is an error without a message is its name', new TypeError(), 'TypeError'],
    ['a reason that is a text is that text', 'no codec', 'no codec'],
    ['a reason that is a number is its digits', 7, '7'],
    [
      'a reason that is an object without a prototype is a fixed one',
      Object.create(null),
      'a value without a text',
    ],
    ['a missing reason is undefined', undefined, undefined],
    ['a long reason is its first 1000 characters', 'x'.repeat(5000), 'x'.repeat(1000)],
  ])('the text of %s', (_what, reason, text) => {
    expect(reasonText(reason)).toBe(text)
  })
})

test('the last text that was noted is read, until it is cleared', () => {
  const directory = tempBase()
  expect(readFailure(fs, directory)).toBeUndefined()
  for (const text of ['first', 'second', 'second']) {
    writeFailure(fs, directory, text)
    expect(readFailure(fs, directory)).toBe(text)
  }
  clearFailure(fs, directory)
  clearFailure(fs, directory)
  expect([readFailure(fs, directory), readdirSync(directory)]).toEqual([undefined, []])
})

test('a text that cannot be written, read or removed stops nothing', () => {
  const directory = tempBase()
  mkdirSync(join(directory, 'failure.json'))
  writeFailure(fs, directory, 'text')
  clearFailure(fs, directory)
  expect(readFailure(fs, directory)).toBeUndefined()
  for (const content of ['', '{"v":1}', '{"v":1,"error":7}', 'null']) {
    const other = tempBase()
    writeFileSync(join(other, 'failure.json'), content)
    expect(readFailure(fs, other)).toBeUndefined()
  }
})
