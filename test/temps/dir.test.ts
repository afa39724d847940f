import { existsSync, mkdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { basename, dirname, normalize } from 'node:path'
import { describe, expect, test } from 'vitest'
import { failureSync } from '../fixtures/failures.ts'
import { tempBase, tempManager } from '../fixtures/temp-base.ts'

describe('new directories', () => {
  test('a new directory is private, and has a generated name with its suffix', async () => {
    const manager = tempManager()
    for (const dir of [manager.dir('.d'), await manager.dirAsync('.d')]) {
      expect(dir).toMatchObject({ kind: 'dir', disposed: false })
      expect(statSync(dir.path).isDirectory()).toBe(true)
      expect(statSync(dir.path).mode & 0o777).toBe(0o700)
      expect(basename(dir.path)).toMatch(/^tmp-\w{16}-\d+\.d$/)
    }
  })

  test('a new directory can have an exact name', () => {
    const manager = tempManager()
    const dir = manager.dir({ name: '映画' })
    expect(basename(dir.path)).toBe('映画')
    writeFileSync(dir.join('a'), '')
    dir.removeSync()
    expect(existsSync(dirname(dir.path))).toBe(false)
  })

  test('a directory is removed with all its contents, and no link out of it is followed', async () => {
    const outside = tempBase()
    writeFileSync(`${outside}/precious`, 'x')
    const manager = tempManager()
    const full = (dir = manager.dir()): typeof dir => {
      mkdirSync(dir.join('a/b/c'), { recursive: true })
      writeFileSync(dir.join('a/b/c/file'), 'x')
      symlinkSync(outside, dir.join('a/link'))
      symlinkSync('nowhere', dir.join('dangling'))
      return dir
    }
    const dirs = [full(), full(), full()] as const
    dirs[0].removeSync()
    await dirs[1].remove()
    await dirs[2][Symbol.asyncDispose]()
    for (const dir of dirs) expect(existsSync(dir.path)).toBe(false)
    expect(readFileSync(`${outside}/precious`, 'utf8')).toBe('x')
  })

  test('a directory with contents that its user made unreadable is removed', async () => {
    const manager = tempManager()
    const dir = manager.dir()
    mkdirSync(dir.join('locked/inner'), { recursive: true })
    const { chmodSync } = await import('node:fs')
    chmodSync(dir.join('locked'), 0o000)
    await dir.remove()
    expect(existsSync(dir.path)).toBe(false)
  })
})

describe('join', () => {
  const dir = (): ReturnType<ReturnType<typeof tempManager>['dir']> => tempManager().dir()

  test.each([
    [['a'], '/a'],
    [['a', 'b', 'c.txt'], '/a/b/c.txt'],
    [['a/b'], '/a/b'],
    [['a', '..', 'b'], '/b'],
    [['..a'], '/..a'],
    [['...'], '/...'],
    [['.'], ''],
    [[], ''],
    [['a b', '映'], '/a b/映'],
  ])('join() of %j stays inside the directory', (segments, end) => {
    const made = dir()
    expect(made.join(...segments).replace(/[/\\]$/, '')).toBe(normalize(made.path + end))
  })

  test.each([
    [['..']],
    [['../x']],
    [['a', '..', '..', 'x']],
    [['/etc/passwd']],
    [['a', '/etc/passwd']],
    [['a\0b']],
    [['../../../../../../etc/passwd']],
  ])('join() of %j is refused', (segments) => {
    failureSync('ERR_TEMP_NAME_INVALID', () => dir().join(...segments))
  })

  test('join() into a neighbour whose name has the same beginning is refused', () => {
    const made = dir()
    failureSync('ERR_TEMP_NAME_INVALID', () => made.join('..', `${basename(made.path)}0`))
  })

  test.each([[5], [null], [{}]])('join() of %s, which is not a string, is refused', (segment) => {
    // A program without types may pass this.
    failureSync('ERR_TEMP_NAME_INVALID', () => dir().join(segment as unknown as string))
  })
})
