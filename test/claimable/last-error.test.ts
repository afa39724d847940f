import fs, { mkdirSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { clearFailure, readFailure, reasonText, writeFailure } from '../../src/claimable/last-error.ts'
import { tempBase } from '../fixtures/temp-base.ts'

describe('the text of a reason', () => {
  test.each([
    ['an error', new Error('no codec'), 'no codec'],
    ['an error without a message', new TypeError(), 'TypeError'],
    ['a text', 'no codec', 'no codec'],
    ['a number', 7, '7'],
    ['an object without a prototype', Object.create(null), 'a value without a text'],
    ['nothing', undefined, undefined],
    ['a long text', 'x'.repeat(5000), 'x'.repeat(1000)],
  ])('of %s', (_what, reason, text) => {
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
