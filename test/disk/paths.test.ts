import fs, { mkdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { dirname, join, parse } from 'node:path'
import { describe, expect, test } from 'vitest'
import type { FileSystem } from '../../src/disk/file-system.ts'
import {
  existsAt,
  findSync,
  ignoreMissing,
  isSameFile,
  joinPath,
  namesIfThere,
  namesIn,
  pathsDownTo,
  readEntries,
  readEntriesSync,
  renameIfThere,
} from '../../src/disk/paths.ts'
import { runChild } from '../fixtures/child.ts'
import { tempBase } from '../fixtures/temp-base.ts'

/** node:fs, whose lstat and rename fail with `code`. */
function failing(code: string): FileSystem {
  const fail = (): never => {
    throw Object.assign(new Error(code), { code })
  }
  return { ...fs, native: true, lstatSync: fail, renameSync: fail }
}

describe('paths', () => {
  test('a path at which nothing exists is absent, and so is one below a file', () => {
    const base = tempBase()
    writeFileSync(join(base, 'file'), '')
    expect(findSync(fs, join(base, 'none'))).toBeUndefined()
    expect(findSync(fs, join(base, 'file/below'))).toBeUndefined()
  })

  test('a path with a dangling link exists, and the stats are those of the link', () => {
    const link = join(tempBase(), 'link')
    symlinkSync('nowhere', link)
    expect(existsAt(fs, link)).toBe(true)
    expect(findSync(fs, link)?.isSymbolicLink()).toBe(true)
  })

  test.each(['EACCES', 'EIO', 'EMFILE', 'ELOOP'])(
    'a path that could not be examined for %s is an error, never absent',
    (code) => {
      expect(() => findSync(failing(code), '/x')).toThrow(code)
      expect(() => existsAt(failing(code), '/x')).toThrow(code)
    },
  )

  test.each(['ENOENT', 'ENOTDIR'])('a path is absent when the system reports %s', (code) => {
    expect(existsAt(failing(code), '/x')).toBe(false)
  })
})

describe('renames', () => {
  test('a rename moves an existing file, and returns false if another process took it first', () => {
    const base = tempBase()
    writeFileSync(join(base, 'a'), '')
    expect(renameIfThere(fs, join(base, 'a'), join(base, 'b'))).toBe(true)
    expect(renameIfThere(fs, join(base, 'a'), join(base, 'c'))).toBe(false)
    expect(fs.readdirSync(base)).toEqual(['b'])
  })

  test('a rename that fails for another reason than a missing file throws it', () => {
    expect(() => renameIfThere(failing('EXDEV'), '/a', '/b')).toThrow('EXDEV')
  })
})

test('the removal of a missing file succeeds, and no other failure is ignored', async () => {
  const base = tempBase()
  await ignoreMissing(() => fs.promises.unlink(join(base, 'none')))
  await expect(ignoreMissing(() => fs.promises.rmdir(join(base, '..')))).rejects.toThrow()
})

test('paths are joined as text, and as bytes when one of them is bytes', () => {
  expect(joinPath('/a', 'b')).toBe('/a/b')
  expect(joinPath('/a', Buffer.from([0xff]))).toEqual(Buffer.from([0x2f, 0x61, 0x2f, 0xff]))
  expect(joinPath(Buffer.from('/a'), 'b')).toEqual(Buffer.from('/a/b'))
})

test('two names of one file are the same file, copies are not', () => {
  const base = tempBase()
  const [a, b, c] = ['a', 'b', 'c'].map((name) => join(base, name)) as [string, string, string]
  writeFileSync(a, 'x')
  fs.linkSync(a, b)
  fs.copyFileSync(a, c)
  expect(isSameFile(fs.statSync(a), fs.statSync(b))).toBe(true)
  expect(isSameFile(fs.statSync(a), fs.statSync(c))).toBe(false)
})

test('the paths down to a path are the directories above it, from the top, and itself', () => {
  const base = tempBase()
  const top = parse(base).root
  expect(pathsDownTo(top)).toEqual([top])
  expect(pathsDownTo(join(top, 'a', 'b'))).toEqual([top, join(top, 'a'), join(top, 'a', 'b')])
  expect(pathsDownTo(base).at(-2)).toBe(dirname(base))
})

describe('names in a directory', () => {
  test('the names in a directory are text, and undefined only where the directory does not exist', () => {
    const base = tempBase()
    const file = join(base, 'ü')
    writeFileSync(file, '')
    expect(namesIn(fs, base)).toEqual(['ü'])
    expect(namesIfThere(fs, base)).toEqual(['ü'])
    expect(namesIfThere(fs, join(base, 'none'))).toBeUndefined()
    expect(() => namesIfThere(fs, file)).toThrow('ENOTDIR')
    expect(() => namesIn(fs, join(base, 'none'))).toThrow('ENOENT')
  })
})

describe('entries of a directory', () => {
  test('the entries of a directory have names as text', async () => {
    const base = tempBase()
    mkdirSync(join(base, 'ü'))
    for (const entries of [await readEntries(fs, base), readEntriesSync(fs, base)])
      expect(entries.map(({ name }) => name)).toEqual(['ü'])
  })

  // macOS and Windows refuse such names.
  test.runIf(process.platform === 'linux')(
    'the entries of a directory have names as bytes once one of them is not UTF-8',
    async () => {
      const base = tempBase()
      const odd = Buffer.concat([Buffer.from(`${base}/`), Buffer.from([0xff])])
      writeFileSync(odd, '')
      writeFileSync(join(base, 'plain'), '')
      for (const entries of [await readEntries(fs, base), readEntriesSync(fs, base)]) {
        const names = entries.map(({ name }) => Buffer.from(name))
        expect(names.sort(Buffer.compare)).toEqual([Buffer.from('plain'), Buffer.from([0xff])])
      }
    },
  )
})

test.skipIf(process.platform === 'win32')(
  'a relative path in a removed directory is ERR_TEMP_IO, and absolute ones work',
  async () => {
    const { code, stdout, stderr } = await runChild('no-directory.ts', { args: [tempBase()] })
    expect(stderr).toBe('')
    expect(stdout).toBe('ERR_TEMP_IO\n'.repeat(5))
    expect(code).toBe(0)
  },
)
