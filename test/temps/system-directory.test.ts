import { expect, test } from 'vitest'
import { isSystemDirectory } from '../../src/temps/system-directory.ts'

test.each([
  '/',
  '/etc',
  '/home',
  '/lib64',
  '/tmp',
  '/usr/local',
  '/var/lib',
  '/private/var',
  '/Users',
  '/System',
  'C:\\',
  'c:\\windows',
  'C:\\Program Files (x86)',
  'C:\\Users',
])('%s is a directory of the system', (path) => {
  expect(isSystemDirectory(path)).toBe(true)
})

test.each([
  '/etc/app',
  '/data',
  '/frames-42',
  '/home/me',
  '/tmp/app-1',
  '/var/app',
  '/usr/local/app',
  '/srv/uploads',
  '/my/etc',
  '/in-memory/etc',
  'C:\\data',
  'C:\\Users\\me',
])('%s is not a directory of the system', (path) => {
  expect(isSystemDirectory(path)).toBe(false)
})
