import nodeFs from 'node:fs'
import { createFsFromVolume, fs as memoryFs, Volume } from 'memfs'
import { expect, test } from 'vitest'
import type { FileSystem } from '../../src/disk/file-system.ts'

// The promise is the compiler's: each of these lines fails `tsc` when the interface asks for more than is there.
const real: FileSystem = nodeFs
const memory: FileSystem = memoryFs
const volume: FileSystem = createFsFromVolume(new Volume())
const wrapped: FileSystem = { ...nodeFs, native: true, unlinkSync: (path) => nodeFs.unlinkSync(path) }

test.each([
  ['node:fs', real],
  ['memfs.fs', memory],
  ['a memfs volume of its own', volume],
  ['a wrapper around node:fs', wrapped],
])('%s is a FileSystem, and has the calls that deleting and moving make', (_, fs) => {
  const { lstat, readdir, opendir, open, unlink, rmdir, rename, chmod, utimes } = fs.promises
  for (const call of [fs.opendirSync, lstat, readdir, opendir, open, unlink, rmdir, rename, chmod, utimes]) {
    expect(call).toBeTypeOf('function')
  }
})
