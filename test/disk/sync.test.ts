import { execFileSync } from 'node:child_process'
import nodeFs from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createFsFromVolume, Volume } from 'memfs'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { FileSystem } from '../../src/disk/file-system.ts'
import { syncDirectory, syncDirectorySync, syncTree } from '../../src/disk/sync.ts'

const { chmodSync, chownSync, mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync, writeFileSync } =
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

interface Watch {
  readonly fs: FileSystem
  /** The entries that were synced, in order, relative to the base; bytes that are not UTF-8 as `?`. */
  readonly synced: string[]
  readonly open: Map<number, string>
}

/** node:fs, watched; `faultAt` fails at the sync of one path. */
function watch(faultAt?: { path: string; code: string }): Watch {
  const synced: string[] = []
  const open = new Map<number, string>()
  const fs: FileSystem = {
    ...nodeFs,
    open: (path, flags, mode, callback) =>
      nodeFs.open(path, flags, mode, (error, fd) => {
        if (!error)
          open.set(
            fd,
            path
              .toString()
              .slice(base.length + 1)
              .replaceAll('\ufffd', '?'),
          )
        callback(error, fd)
      }),
    fsync: (fd, callback) => {
      const path = open.get(fd) ?? 'unknown'
      if (path === faultAt?.path) return callback(Object.assign(new Error('fault'), { code: faultAt.code }))
      synced.push(path)
      nodeFs.fsync(fd, callback)
    },
    close: (fd, callback) => {
      open.delete(fd)
      nodeFs.close(fd, callback)
    },
  }
  return { fs, synced, open }
}

function makeTree(): void {
  mkdirSync(join(base, 'd/e/empty'), { recursive: true })
  for (const path of ['d/one', 'd/two', 'd/e/three']) writeFileSync(join(base, path), 'x')
}

describe('syncTree', () => {
  test('syncTree() syncs each file and directory once, a directory after its contents, and closes all', async () => {
    makeTree()
    const { fs, synced, open } = watch()
    await syncTree(fs, join(base, 'd'))
    expect([...synced].sort()).toEqual(['d', 'd/e', 'd/e/empty', 'd/e/three', 'd/one', 'd/two'])
    for (const [inner, outer] of [
      ['d/e/empty', 'd/e'],
      ['d/e/three', 'd/e'],
      ['d/e', 'd'],
      ['d/one', 'd'],
      ['d/two', 'd'],
    ]) {
      expect(synced.indexOf(inner ?? '')).toBeLessThan(synced.indexOf(outer ?? ''))
    }
    expect(open.size).toBe(0)
  })

  test('syncTree() syncs a single file', async () => {
    writeFileSync(join(base, 'file'), 'x')
    const { fs, synced } = watch()
    await syncTree(fs, join(base, 'file'))
    expect(synced).toEqual(['file'])
  })

  test('syncTree() skips links, their targets and FIFOs, and does not wait for a FIFO', async () => {
    mkdirSync(join(base, 'd'))
    mkdirSync(join(base, 'outside'))
    symlinkSync(join(base, 'outside'), join(base, 'd/link'))
    execFileSync('mkfifo', [join(base, 'd/fifo')])
    const { fs, synced } = watch()
    await syncTree(fs, join(base, 'd'))
    await syncTree(fs, join(base, 'd/link'))
    expect(synced).toEqual(['d'])
  })

  test('syncTree() syncs names that are not UTF-8', async () => {
    mkdirSync(join(base, 'd'))
    writeFileSync(Buffer.concat([Buffer.from(join(base, 'd/n')), Buffer.from([0xff])]), 'x')
    const { fs, synced } = watch()
    await syncTree(fs, join(base, 'd'))
    expect(synced).toEqual(['d/n?', 'd'])
  })

  test.each(['d/one', 'd/e/three', 'd/e', 'd'])(
    'syncTree() fails if the sync of %s fails, and leaves nothing open',
    async (path) => {
      makeTree()
      const { fs, open } = watch({ path, code: 'EIO' })
      await expect(syncTree(fs, join(base, 'd'))).rejects.toMatchObject({ code: 'EIO' })
      expect(open.size).toBe(0)
    },
  )

  test('syncTree() accepts EINVAL for a directory, which not every disk can sync, but not for a file', async () => {
    makeTree()
    await syncTree(watch({ path: 'd/e', code: 'EINVAL' }).fs, join(base, 'd'))
    await expect(
      syncTree(watch({ path: 'd/one', code: 'EINVAL' }).fs, join(base, 'd')),
    ).rejects.toMatchObject({
      code: 'EINVAL',
    })
  })

  test.runIf(isRoot)(
    'syncTree() syncs a write-only file, and fails at one that its owner may neither read nor write (needs root)',
    async () => {
      chmodSync(base, 0o755)
      mkdirSync(join(base, 'd'))
      writeFileSync(join(base, 'd/write-only'), 'x')
      chmodSync(join(base, 'd/write-only'), 0o200)
      for (const path of ['d', 'd/write-only']) chownSync(join(base, path), NOBODY, NOBODY)
      const { fs, synced, open } = watch()
      process.seteuid?.(NOBODY)
      try {
        await syncTree(fs, join(base, 'd'))
        expect(synced).toEqual(['d/write-only', 'd'])
        chmodSync(join(base, 'd/write-only'), 0o000)
        await expect(syncTree(fs, join(base, 'd'))).rejects.toMatchObject({ code: 'EACCES' })
      } finally {
        process.seteuid?.(0)
      }
      expect(open.size).toBe(0)
    },
  )

  test('syncTree() works on an injected file system', async () => {
    await syncTree(createFsFromVolume(Volume.fromJSON({ '/d/e/f': 'x' })), '/d')
  })
})

describe('directories', () => {
  test('a directory is synced, off the loop or on it', async () => {
    const { fs, synced, open } = watch()
    mkdirSync(join(base, 'd'))
    await syncDirectory(fs, join(base, 'd'))
    expect(synced).toEqual(['d'])
    expect(open.size).toBe(0)
    syncDirectorySync(nodeFs, join(base, 'd'))
  })

  test('a failed sync of a directory closes its descriptors', () => {
    let [opened, closed] = [0, 0]
    const faulty: FileSystem = {
      ...nodeFs,
      openSync: (path, flags, mode) => {
        opened++
        return nodeFs.openSync(path, flags, mode)
      },
      fsyncSync: () => {
        throw Object.assign(new Error('EIO'), { code: 'EIO' })
      },
      closeSync: (fd) => {
        closed++
        nodeFs.closeSync(fd)
      },
    }
    expect(() => syncDirectorySync(faulty, base)).toThrow('EIO')
    expect([opened, closed]).toEqual([1, 1])
  })

  test('the sync of a directory does not follow a link', async () => {
    symlinkSync(base, join(base, 'link'))
    await expect(syncDirectory(nodeFs, join(base, 'link'))).rejects.toMatchObject({ code: 'ELOOP' })
    expect(() => syncDirectorySync(nodeFs, join(base, 'link'))).toThrow('ELOOP')
  })
})
