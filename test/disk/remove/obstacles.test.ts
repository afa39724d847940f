import { execFileSync } from 'node:child_process'
import nodeFs from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { base, complete, DRIVERS, freshTree, tree } from './all-drivers.ts'

const {
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
} = nodeFs

const isRoot = process.getuid?.() === 0
const NOBODY = 65534

freshTree()

/** Runs as an ordinary user, for whom modes mean something. Vitest's forks have a process of their own. */
async function asNobody<T>(work: () => Promise<T>): Promise<T> {
  process.setegid?.(NOBODY)
  process.seteuid?.(NOBODY)
  try {
    return await work()
  } finally {
    process.seteuid?.(0)
    process.setegid?.(0)
  }
}

describe.skipIf(process.platform === 'win32').each(DRIVERS)('%s', (_name, remove) => {
  test('a removal removes a tree whose paths are longer than the system accepts', async () => {
    // 60 levels of 200 bytes are 12,000 bytes; made from inside, as a program could.
    const make = `for i in $(seq 60); do mkdir ${'d'.repeat(200)} && cd -P ${'d'.repeat(200)} && echo x > file; done`
    execFileSync('sh', ['-c', make], { cwd: tree, stdio: 'ignore', env: { PATH: process.env['PATH'] } })
    expect(complete(await remove(nodeFs, tree))).toMatchObject({ files: 60, directories: 61 })
    expect(readdirSync(base)).toEqual([])
  })

  test('a removal removes files whose own path is too long, beside directories whose path is not', async () => {
    const long = 'f'.repeat(250)
    const make = `for i in $(seq 16); do mkdir ${'d'.repeat(250)} && cd -P ${'d'.repeat(250)} && echo x > ${long}; done`
    execFileSync('sh', ['-c', make], { cwd: tree, stdio: 'ignore', env: { PATH: process.env['PATH'] } })
    expect(complete(await remove(nodeFs, tree)).files).toBe(16)
    expect(readdirSync(base)).toEqual([])
  })

  describe.runIf(isRoot && process.platform === 'linux')('with mounts (needs root to mount)', () => {
    let mounted: string[]
    beforeEach(() => {
      mounted = []
    })
    afterEach(() => {
      for (const point of mounted.reverse()) execFileSync('umount', [point])
    })
    const bind = (from: string, to: string): void => {
      execFileSync('mount', ['--bind', from, to])
      mounted.push(to)
    }

    test('a removal keeps and reports a bind mount and the directories above it, and removes the rest', async () => {
      const outside = join(base, 'outside')
      mkdirSync(outside)
      writeFileSync(join(outside, 'precious'), 'x')
      mkdirSync(join(tree, 'a/mnt'), { recursive: true })
      writeFileSync(join(tree, 'a/file'), 'x')
      writeFileSync(join(tree, 'covered'), 'x')
      mkdirSync(join(tree, 'b'))
      bind(outside, join(tree, 'a/mnt'))
      bind(join(outside, 'precious'), join(tree, 'covered'))
      const report = await remove(nodeFs, tree)
      expect(report.errors).toEqual([])
      expect(report.kept.map((kept) => kept.path).sort()).toEqual([
        join(tree, 'a/mnt'),
        join(tree, 'covered'),
      ])
      expect(report.kept[0]?.reason).toContain('mount point')
      expect(readdirSync(outside)).toEqual(['precious'])
      expect(readdirSync(tree).sort()).toEqual(['a', 'covered'])
      expect(readdirSync(join(tree, 'a'))).toEqual(['mnt'])
    })

    test('a removal keeps a tree that is itself a mount point', async () => {
      const outside = join(base, 'outside')
      mkdirSync(outside)
      writeFileSync(join(outside, 'precious'), 'x')
      bind(outside, tree)
      const report = await remove(nodeFs, tree)
      expect(report.kept.map((kept) => kept.path)).toEqual([tree])
      expect(readdirSync(outside)).toEqual(['precious'])
    })

    test('a removal keeps a mount in a tree that is named through a symlinked directory', async () => {
      const outside = join(base, 'outside')
      mkdirSync(outside)
      writeFileSync(join(outside, 'precious'), 'x')
      mkdirSync(join(tree, 'mnt'))
      bind(outside, join(tree, 'mnt'))
      symlinkSync(base, join(base, 'detour'))
      const report = await remove(nodeFs, join(base, 'detour/tree'))
      expect(report.kept.map((kept) => kept.path)).toEqual([join(base, 'detour/tree/mnt')])
      expect(readdirSync(outside)).toEqual(['precious'])
    })
  })

  test.runIf(isRoot)(
    'a removal opens up directories without permissions (needs root to become an ordinary user)',
    async () => {
      chmodSync(base, 0o755)
      const own = (path: string, mode: number): void => {
        chownSync(path, NOBODY, NOBODY)
        chmodSync(path, mode)
      }
      for (const [dir, mode] of [
        ['r-x', 0o500],
        ['none', 0o000],
        ['rw-', 0o600],
        ['-wx', 0o300],
      ] as const) {
        mkdirSync(join(tree, dir, 'sub/deeper'), { recursive: true })
        writeFileSync(join(tree, dir, 'file'), 'x', { mode: 0o000 })
        writeFileSync(join(tree, dir, 'sub/file'), 'x')
        for (const path of ['sub/deeper', 'sub', 'file', 'sub/file'])
          own(join(tree, dir, path), path.endsWith('file') ? 0 : mode)
        own(join(tree, dir), mode)
      }
      // Nothing in it but a directory, so that the first refusal comes from below.
      mkdirSync(join(tree, 'bare/sub'), { recursive: true })
      own(join(tree, 'bare/sub'), 0o000)
      own(join(tree, 'bare'), 0o600)
      own(tree, 0o500)
      chownSync(base, NOBODY, NOBODY)
      const report = await asNobody(() => remove(nodeFs, tree))
      expect(complete(report)).toMatchObject({ files: 8, directories: 15 })
      expect(existsSync(tree)).toBe(false)
    },
  )

  test.runIf(isRoot)(
    "a removal reports what it may not remove from another user's directory (needs root)",
    async () => {
      chmodSync(base, 0o755)
      chownSync(tree, NOBODY, NOBODY)
      mkdirSync(join(tree, 'other'), { mode: 0o755 })
      writeFileSync(join(tree, 'other/file'), 'x')
      writeFileSync(join(tree, 'own'), 'x')
      const report = await asNobody(() => remove(nodeFs, tree))
      expect(report.errors).toMatchObject([{ path: join(tree, 'other/file'), error: { code: 'EACCES' } }])
      expect(report.files).toBe(1)
      expect(statSync(join(tree, 'other')).mode & 0o777).toBe(0o755)
      expect(readFileSync(join(tree, 'other/file'), 'utf8')).toBe('x')
    },
  )
})
