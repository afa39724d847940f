import nodeFs, {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { describe, expect, onTestFinished, test } from 'vitest'
import type { DiskPath, FileSystem } from '../../src/disk/file-system.ts'
import { type Directory, OpenDirectories } from '../../src/disk/open-directories.ts'
import { syncTree } from '../../src/disk/sync.ts'
import { failureSync } from '../fixtures/failures.ts'
import { tempBase } from '../fixtures/temp-base.ts'

/** More than are held open at a time. */
const MANY = 80

function openDirectories(fs: FileSystem = nodeFs): OpenDirectories {
  const open = new OpenDirectories(fs)
  onTestFinished(() => open.close())
  return open
}

/** node:fs, without /proc. */
const withoutProc = {
  ...nodeFs,
  native: true,
  lstatSync: (path: DiskPath, options?: object) => {
    if (path.toString().startsWith('/proc/')) throw Object.assign(new Error('no /proc'), { code: 'ENOENT' })
    return nodeFs.lstatSync(path, options)
  },
} as unknown as FileSystem // node:fs has more overloads than the interface asks for

/** A chain of directories, each in the one before, opened from the top down. */
function chain(open: OpenDirectories, base: string, depth: number): Directory[] {
  const directories = [open.open(base)]
  for (let level = 1; level < depth; level++) {
    const parent = directories[level - 1]
    if (parent === undefined) break
    mkdirSync(`${open.pathOf(parent)}/d`)
    directories.push(open.enter(parent, 'd'))
  }
  return directories
}

describe.skipIf(process.platform !== 'linux')('OpenDirectories', () => {
  test('OpenDirectories.enter() refuses a link in place of a subdirectory', () => {
    const base = tempBase()
    mkdirSync(join(base, 'real'))
    symlinkSync('real', join(base, 'link'))
    const open = openDirectories()
    const top = open.open(base)
    expect(() => open.enter(top, 'link')).toThrow(/ENOTDIR|ELOOP/)
    expect(open.enter(top, 'real').stats.ino).toBe(statSync(join(base, 'real')).ino)
  })

  test('OpenDirectories.open() follows a link only where it is asked to', () => {
    const base = tempBase()
    mkdirSync(join(base, 'real'))
    symlinkSync('real', join(base, 'link'))
    expect(() => openDirectories().open(join(base, 'link'))).toThrow(/ENOTDIR|ELOOP/)
    expect(openDirectories().open(join(base, 'link'), true).stats.ino).toBe(statSync(join(base, 'real')).ino)
  })

  test('OpenDirectories.openUp() opens a closed subdirectory, and never changes the target of a link', () => {
    const base = tempBase()
    const vault = join(tempBase(), 'vault')
    for (const path of [join(base, 'closed'), vault]) mkdirSync(path, { mode: 0o500 })
    symlinkSync(vault, join(base, 'link'))
    const open = openDirectories()
    const top = open.open(base)
    open.openUp(top, 'closed')
    expect(statSync(join(base, 'closed')).mode & 0o777).toBe(0o700)
    expect(() => open.openUp(top, 'link')).toThrow(/ENOTDIR|ELOOP/)
    expect(statSync(vault).mode & 0o777).toBe(0o500)
  })

  test('an open directory stays the same one when its name is given to another', () => {
    const base = tempBase()
    mkdirSync(join(base, 'd'))
    writeFileSync(join(base, 'd/mine'), '')
    const open = openDirectories()
    const directory = open.enter(open.open(base), 'd')
    renameSync(join(base, 'd'), join(base, 'aside'))
    mkdirSync(join(base, 'd'))
    expect(readdirSync(open.pathOf(directory).toString())).toEqual(['mine'])
  })

  test('a directory that is opened again and was exchanged meanwhile is refused', () => {
    const base = tempBase()
    mkdirSync(join(base, 'first'))
    const open = openDirectories()
    const top = open.open(base)
    const first = open.enter(top, 'first')
    for (let n = 0; n < MANY; n++) {
      mkdirSync(join(base, `other-${n}`))
      open.enter(top, `other-${n}`)
    }
    renameSync(join(base, 'first'), join(base, 'aside'))
    mkdirSync(join(base, 'first'))
    expect(failureSync('ERR_TEMP_IO', () => open.pathOf(first)).message).toContain('exchanged')
    rmSync(join(base, 'first'), { recursive: true })
    renameSync(join(base, 'aside'), join(base, 'first'))
    expect(statSync(open.pathOf(first)).ino).toBe(first.stats.ino)
  })

  test('a directory whose open subdirectory was moved elsewhere is found from the top', () => {
    const base = tempBase()
    const open = openDirectories()
    const directories = chain(open, base, MANY)
    const [, second] = directories
    const last = directories.at(-1)
    if (second === undefined || last?.parent === undefined) throw new Error('unreachable')
    // '..' of the last one is now the base directory, not its parent.
    renameSync(`${open.pathOf(last.parent)}/d`, join(base, 'moved'))
    for (const directory of directories.slice(2).reverse()) open.release(directory)
    expect(statSync(open.pathOf(second)).ino).toBe(second.stats.ino)
  })

  test("'..' of a subdirectory that was moved elsewhere is not taken for its former parent", () => {
    const base = tempBase()
    mkdirSync(join(base, 'a/b'), { recursive: true })
    const open = openDirectories()
    const top = open.open(base)
    const parent = open.enter(top, 'a')
    const child = open.enter(parent, 'b')
    for (let n = 0; n < MANY; n++) {
      mkdirSync(join(base, `other-${n}`))
      open.enter(top, `other-${n}`)
      open.pathOf(child) // stays open, while its parent is closed to make room
    }
    renameSync(join(base, 'a/b'), join(base, 'moved'))
    expect(statSync(open.pathOf(parent)).ino).toBe(parent.stats.ino)
  })

  test('a tree of 600 levels is synced with three opens a level at most', async () => {
    const base = tempBase()
    const home = process.cwd()
    const depth = 600
    onTestFinished(() => process.chdir(home))
    process.chdir(base)
    for (let level = 0; level < depth; level++) {
      mkdirSync('d')
      process.chdir('d')
    }
    process.chdir(home)
    let opens = 0
    const counting = {
      ...nodeFs,
      native: true,
      openSync: (...args: Parameters<FileSystem['openSync']>) => {
        opens++
        return nodeFs.openSync(...args)
      },
    } as unknown as FileSystem // node:fs has more overloads than the interface asks for
    await syncTree(counting, base)
    expect(opens).toBeGreaterThan(depth)
    expect(opens).toBeLessThan(depth * 3)
  })

  test('OpenDirectories.close() leaves no descriptor open', () => {
    const before = readdirSync('/proc/self/fd').length
    const open = new OpenDirectories(nodeFs)
    chain(open, tempBase(), MANY)
    open.close()
    expect(readdirSync('/proc/self/fd').length).toBe(before)
  })
})

describe.skipIf(process.platform !== 'linux')('OpenDirectories without /proc', () => {
  test.each([
    ['0700', 0o700, true],
    ['1777, as /tmp', 0o1777, true],
    ['0777', 0o777, false],
    ['0770', 0o770, false],
  ])(
    'without /proc a directory of mode %s is accepted only if no other user can exchange its entries',
    (_, mode, accepted) => {
      const path = join(tempBase(), 'd')
      mkdirSync(path)
      chmodSync(path, mode)
      const open = openDirectories(withoutProc)
      if (accepted) expect(open.pathOf(open.open(path))).toBe(path)
      else expect(failureSync('ERR_TEMP_IO', () => open.open(path)).message).toContain('Mount /proc')
      expect(existsSync(path)).toBe(true)
    },
  )

  test('without /proc a link in place of a subdirectory is refused', () => {
    const base = tempBase()
    symlinkSync(tempBase(), join(base, 'link'))
    const open = openDirectories(withoutProc)
    const top = open.open(base)
    expect(() => open.enter(top, 'link')).toThrow('not a directory')
  })
})
