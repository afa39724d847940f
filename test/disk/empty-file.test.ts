import fs, { statSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { createEmpty } from '../../src/disk/empty-file.ts'
import type { FileSystem } from '../../src/disk/file-system.ts'
import { systemError } from '../fixtures/stepping-disk.ts'
import { tempBase } from '../fixtures/temp-base.ts'

test('an empty file is never created over another one, nor through a link', () => {
  const base = tempBase()
  const path = join(base, 'mark')
  createEmpty(fs, path, true)
  expect(statSync(path).size).toBe(0)
  expect(() => createEmpty(fs, path, true)).toThrow('EEXIST')
  symlinkSync(join(base, 'elsewhere'), join(base, 'link'))
  expect(() => createEmpty(fs, join(base, 'link'), true)).toThrow('EEXIST')
})

test('a new file whose mode cannot be set is closed', () => {
  const closed: number[] = []
  const failing: FileSystem = {
    ...fs,
    fchmodSync: () => {
      throw systemError('EIO')
    },
    closeSync: (fd) => {
      closed.push(fd)
      fs.closeSync(fd)
    },
  }
  expect(() => createEmpty(failing, join(tempBase(), 'mark'), true)).toThrow('EIO')
  expect(closed).toHaveLength(1)
})
