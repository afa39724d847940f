import fs, {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import type { FileSystem } from '../../../src/disk/file-system.ts'
import { makeParents } from '../../../src/disk/move/parents.ts'
import { tempBase } from '../../fixtures/temp-base.ts'

describe('missing parents', () => {
  test('missing directories above a destination are created, and removed again when the move fails', () => {
    const base = tempBase()
    const made = makeParents(fs, join(base, 'a/b/c'))
    expect(statSync(join(base, 'a/b/c')).isDirectory()).toBe(true)
    made.remove()
    expect(readdirSync(base)).toEqual([])
  })

  test('directories above a destination that existed before stay when the move fails', () => {
    const base = tempBase()
    mkdirSync(join(base, 'a'))
    makeParents(fs, join(base, 'a/b')).remove()
    makeParents(fs, join(base, 'a')).remove()
    expect(readdirSync(base)).toEqual(['a'])
  })

  test('new directories that another process uses meanwhile stay, with the directories above them', () => {
    const base = tempBase()
    const made = makeParents(fs, join(base, 'a/b'))
    writeFileSync(join(base, 'a/other'), '')
    made.remove()
    expect(readdirSync(join(base, 'a'))).toEqual(['other'])
  })

  test('the directories above a destination may be reached through a link to a directory', () => {
    const base = tempBase()
    mkdirSync(join(base, 'real'))
    symlinkSync('real', join(base, 'link'))
    makeParents(fs, join(base, 'link'))
    makeParents(fs, join(base, 'link/below'))
    expect(existsSync(join(base, 'real/below'))).toBe(true)
  })

  test('missing directories below a file are an error, and nothing is left', () => {
    const base = tempBase()
    writeFileSync(join(base, 'file'), '')
    expect(() => makeParents(fs, join(base, 'file/a/b'))).toThrow(
      expect.objectContaining({ code: 'ENOTDIR' }),
    )
    expect(readdirSync(base)).toEqual(['file'])
  })

  test('missing directories of which one cannot be created are removed again', () => {
    const base = tempBase()
    const failing: FileSystem = {
      ...fs,
      native: true,
      mkdirSync: (path, options) => {
        if (String(path).endsWith('/c')) throw Object.assign(new Error('ENOSPC'), { code: 'ENOSPC' })
        return fs.mkdirSync(path, options as never) as never
      },
    }
    expect(() => makeParents(failing, join(base, 'a/b/c'))).toThrow('ENOSPC')
    expect(readdirSync(base)).toEqual([])
  })

  test('new directories above a destination have the permissions that the umask leaves', () => {
    const base = tempBase()
    chmodSync(base, 0o755)
    makeParents(fs, join(base, 'a'))
    expect(statSync(join(base, 'a')).mode & 0o777).toBe(0o777 & ~process.umask())
  })

  test('new directories above a destination are synced in the directory that holds each of them', () => {
    const base = tempBase()
    const synced: number[] = []
    const watched: FileSystem = {
      ...fs,
      native: true,
      fsyncSync: (fd) => {
        synced.push(fs.fstatSync(fd).ino)
        fs.fsyncSync(fd)
      },
    }
    makeParents(watched, join(base, 'a/b')).sync()
    expect(synced).toEqual([base, join(base, 'a')].map((path) => statSync(path).ino))
  })
})
