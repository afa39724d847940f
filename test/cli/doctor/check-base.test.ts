import { chmodSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import {
  checkBase,
  checkFileSystem,
  checkLengths,
  checkRootDirectory,
  existing,
} from '../../../src/cli/doctor/check-base.ts'
import { ROOMS } from '../../../src/layout.ts'
import { tempBase } from '../../fixtures/temp-base.ts'

test('a base directory is judged by what it is', () => {
  const base = tempBase()
  writeFileSync(join(base, 'file'), '')
  const statuses = [base, join(base, 'later'), join(base, 'file')].map((path) => checkBase(path).status)
  expect(statuses).toEqual(['ok', 'note', 'problem'])
  chmodSync(base, 0o777)
  expect(checkBase(base)).toMatchObject({
    status: 'problem',
    found: expect.stringContaining('no sticky bit'),
  })
})

test('a base directory that cannot be created is a problem', () => {
  const base = tempBase()
  writeFileSync(join(base, 'file'), '')
  expect(checkBase(join(base, 'file/later'))).toMatchObject({
    status: 'problem',
    found: `${join(base, 'file')} is not a directory`,
  })
  chmodSync(base, 0o777)
  expect(checkBase(join(base, 'later'))).toMatchObject({
    status: 'problem',
    found: expect.stringContaining('no sticky bit'),
  })
})

test('a root is judged without following a link', () => {
  const base = tempBase()
  const root = join(base, 'root')
  expect(checkRootDirectory(root).status).toBe('ok')
  mkdirSync(root, { mode: 0o700 })
  expect(checkRootDirectory(root).status).toBe('ok')
  chmodSync(root, 0o750)
  expect(checkRootDirectory(root).status).toBe('warning')
  symlinkSync(root, join(base, 'link'))
  expect(checkRootDirectory(join(base, 'link'))).toMatchObject({
    status: 'problem',
    found: expect.stringContaining('symbolic link'),
  })
})

test.each(ROOMS)('a link in the place of %s/ is a problem', (room) => {
  const root = join(tempBase(), 'root')
  mkdirSync(root, { mode: 0o700 })
  symlinkSync(tempBase(), join(root, room))
  expect(checkRootDirectory(root)).toMatchObject({
    status: 'problem',
    found: `${join(root, room)} is a symbolic link`,
  })
})

test('a file system that proves nothing is a warning', () => {
  expect(checkFileSystem('/proc').status).toBe('warning')
})

test('a path too long for a socket is fine where /proc can shorten it, one too long for the system is not', () => {
  expect(checkLengths('/tmp/short-0').found).toMatch(/^sockets of \d+ bytes/)
  expect(checkLengths(`/tmp/${'long/'.repeat(30)}root`)).toMatchObject({
    status: 'ok',
    found: expect.stringContaining('/proc/self/fd'),
  })
  expect(checkLengths(`/tmp/${'long/'.repeat(800)}root`).status).toBe('problem')
})

test('the nearest directory that exists is looked at', () => {
  const base = tempBase()
  expect(existing(join(base, 'a/b/c'))).toBe(base)
})
