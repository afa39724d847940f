import { execFileSync } from 'node:child_process'
import nodeFs from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createFsFromVolume, Volume } from 'memfs'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { FileSystem } from '../../src/disk/file-system.ts'
import { syncDirectory, syncDirectorySync, syncTree } from '../../src/disk/sync.ts'

const { chmodSync, chownSync, mkdirSync, mkdtempSync, readdirSync, realpathSync, rmSync, symlinkSync, writeFileSync } =
  nodeFs
const isRoot = process.getuid?.() === 0
const NOBODY = 65534

let base: string
beforeEach(() => {
  base = realpathSync(mkdtempSync(join(tmpdir(), 'sync-test-')))
})
afterEach(() => {
  rmSync(base, { recursive: true, force: true })
})

/** node:fs that notes what is synced, in order, and the descriptors still open. */
function watching(faultAt?: { path: string; code: string }): FileSystem & { synced: string[]; open: Map<number, string> } {
  const synced: string[] = []
  const paths = new Map<number, string>()
  const fs: FileSystem = {
    ...nodeFs,
    open: (path, flags, mode, callback) =>
      nodeFs.open(path, flags, mode, (error, fd) => {
        if (!error) paths.set(fd, path.toString('latin1' as never))
        callback(error, fd)
      }),
    fsync: (fd, callback) => {
      const path = paths.get(fd) ?? '?'
      if (path === faultAt?.path) return callback(Object.assign(new Error('fault'), { code: faultAt.code }))
      synced.push(path)
      nodeFs.fsync(fd, callback)
    },
    close: (fd, callback) => {
      paths.delete(fd)
      nodeFs.close(fd, callback)
    },
  }
  return Object.assign(fs, { synced, open: paths }) as FileSystem & { synced: string[]; open: Map<number, string> }
}
