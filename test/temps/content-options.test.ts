import { closeSync, constants, openSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { canWrite, checkFlags, withoutFollowing } from '../../src/temps/content-options.ts'
import { tempBase } from '../fixtures/temp-base.ts'

const { O_RDONLY, O_WRONLY, O_RDWR, O_CREAT, O_TRUNC, O_APPEND, O_EXCL, O_SYNC, O_NOFOLLOW = 0 } = constants

test.each([
  ['r', O_RDONLY, false],
  ['rs', O_RDONLY | O_SYNC, false],
  ['r+', O_RDWR, true],
  ['rs+', O_RDWR | O_SYNC, true],
  ['w', O_WRONLY | O_CREAT | O_TRUNC, true],
  ['wx', O_WRONLY | O_CREAT | O_TRUNC | O_EXCL, true],
  ['w+', O_RDWR | O_CREAT | O_TRUNC, true],
  ['a', O_WRONLY | O_CREAT | O_APPEND, true],
  ['as', O_WRONLY | O_CREAT | O_APPEND | O_SYNC, true],
  ['ax+', O_RDWR | O_CREAT | O_APPEND | O_EXCL, true],
  [O_RDWR, O_RDWR, true],
  [O_RDONLY, O_RDONLY, false],
])('the flags %s keep their meaning in node:fs, and follow no link', (flags, bits, writes) => {
  expect(checkFlags(flags, 'flags')).toBe(flags)
  expect(withoutFollowing(flags)).toBe(bits | O_NOFOLLOW)
  expect(canWrite(flags)).toBe(writes)
})

test('flags that node:fs does not know are refused', () => {
  for (const flags of ['x', 'rw', '', null]) expect(() => checkFlags(flags, 'flags')).toThrow('flags')
})

test.skipIf(O_NOFOLLOW === 0)('the flags of withoutFollowing() do not open a link', () => {
  const base = tempBase()
  writeFileSync(join(base, 'file'), '')
  symlinkSync(join(base, 'file'), join(base, 'link'))
  closeSync(openSync(join(base, 'file'), withoutFollowing('r+')))
  expect(() => openSync(join(base, 'link'), withoutFollowing('r+'))).toThrow('ELOOP')
})
