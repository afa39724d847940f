import nodeFs from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import type { DiskPath, FileSystem } from '../../../src/disk/file-system.ts'
import { type MountTable, parseMounts } from '../../../src/disk/mounts.ts'
import { atEachStep } from '../../fixtures/every-step.ts'
import { canMount, mount, ORDINARY } from '../../fixtures/mounts.ts'
import { tempBase } from '../../fixtures/temp-base.ts'
import { DRIVERS } from './all-drivers.ts'

const { chmodSync, chownSync, existsSync, mkdirSync, readdirSync, renameSync, symlinkSync, writeFileSync } =
  nodeFs

/** A mount table that could not be read: /proc is not mounted, or no descriptor was left. */
function unread(code: 'ENOENT' | 'EMFILE'): MountTable {
  const error = Object.assign(new Error(code), { code })
  return { ...parseMounts(''), unread: { error, passing: code === 'EMFILE' } }
}

/** The real disk, on which one directory has a device number of its own. */
function onAnotherDevice(path: string): FileSystem {
  const { ino } = nodeFs.lstatSync(path)
  const moved = <T extends { dev: number; ino: number }>(stats: T): T =>
    stats.ino === ino ? Object.assign(stats, { dev: stats.dev + 1 }) : stats
  return {
    ...nodeFs,
    native: true,
    lstatSync: (at: DiskPath) => moved(nodeFs.lstatSync(at)),
    fstatSync: (fd: number) => moved(nodeFs.fstatSync(fd)),
    promises: { ...nodeFs.promises, lstat: async (at: DiskPath) => moved(await nodeFs.promises.lstat(at)) },
  } as unknown as FileSystem // node:fs has more overloads than the interface asks for
}

/** A tree with a directory that others can write, and a vault elsewhere with the same names in it. */
function scene(): { tree: string; vault: string; secrets: () => string[] } {
  const base = tempBase()
  const [tree, vault] = [join(base, 'tree'), join(base, 'vault')]
  for (const top of [join(tree, 'shared/sub'), join(vault, 'sub'), vault]) {
    mkdirSync(join(top, 'deep'), { recursive: true })
    writeFileSync(join(top, 'one'), 'x')
    writeFileSync(join(top, 'deep/two'), 'x')
  }
  chmodSync(join(tree, 'shared'), 0o777)
  const secrets = (): string[] => readdirSync(vault, { recursive: true }).map(String).sort()
  return { tree, vault, secrets }
}

describe.skipIf(process.platform !== 'linux').each(DRIVERS)('%s', (_, remove) => {
  test.each([
    ['a subdirectory', 'shared/sub'],
    ['a directory two levels down', 'shared/sub/deep'],
  ])('a removal never follows a link that replaces %s at any step', async (_name, target) => {
    const steps = await atEachStep((fs) => {
      const { tree, vault, secrets } = scene()
      const before = secrets()
      const exchange = (): void => {
        if (!existsSync(join(tree, target))) return // removed before: too late for the attack
        renameSync(join(tree, target), join(tree, 'shared/aside'))
        symlinkSync(vault, join(tree, target))
      }
      const run = async (): Promise<void> => {
        await remove(fs, tree)
        expect(secrets()).toEqual(before)
        await remove(nodeFs, tree)
        expect(existsSync(tree)).toBe(false)
      }
      return { act: exchange, run }
    })
    expect(steps).toBeGreaterThan(10)
  })

  // A btrfs subvolume: another device number, without a mount, and rmdir answers ENOTEMPTY.
  test.each([
    ['in a private directory', 'private'],
    ['in a directory that others can write', 'shared'],
  ])(
    'a removal keeps a subdirectory of another device that is not a mount point, %s',
    async (_name, holder) => {
      const { tree } = scene()
      mkdirSync(join(tree, 'private/sub'), { recursive: true })
      writeFileSync(join(tree, 'private/sub/one'), 'x')
      const sub = join(tree, holder, 'sub')
      const report = await remove(onAnotherDevice(sub), tree)
      expect(report.kept.map(({ path }) => path)).toEqual([sub])
      expect(existsSync(join(sub, 'one'))).toBe(true)
      expect(readdirSync(tree)).toEqual([holder])
    },
  )

  test('a removal removes a tree of directories that others can write, a thousand levels deep', async () => {
    const base = tempBase()
    const tree = join(base, 'tree')
    mkdirSync(tree)
    chmodSync(tree, 0o777)
    // Built from the inside out, because no path may be longer than 4,096 bytes.
    for (let level = 0; level < 1000; level++) {
      const wrap = join(base, 'wrap')
      mkdirSync(wrap)
      chmodSync(wrap, 0o777)
      renameSync(tree, join(wrap, 'tree'))
      renameSync(wrap, tree)
    }
    const report = await remove(nodeFs, tree)
    expect(report).toMatchObject({ directories: 1001, kept: [], errors: [] })
    expect(existsSync(tree)).toBe(false)
  })

  test.runIf(canMount)(
    'a removal removes files that another user created, and leaves no descriptor open',
    async () => {
      const { tree } = scene()
      for (const path of ['shared/sub', 'shared/sub/deep', 'shared/sub/one'])
        chownSync(join(tree, path), ORDINARY, ORDINARY)
      chmodSync(join(tree, 'shared/sub/deep'), 0)
      const before = readdirSync('/proc/self/fd').length
      expect(await remove(nodeFs, tree)).toMatchObject({ kept: [], errors: [] })
      expect([existsSync(tree), readdirSync('/proc/self/fd').length]).toEqual([false, before])
    },
  )
})

describe.skipIf(!canMount).each(DRIVERS)('%s', (_, remove) => {
  test.each([
    ['a bind mount without a mount table', '--bind', unread('ENOENT')],
    ['another device that the mount table does not list', 'tmpfs', parseMounts('')],
  ])('a removal keeps %s, and removes everything else', async (_name, kind, mounts) => {
    const base = tempBase()
    const [tree, elsewhere] = [join(base, 'tree'), join(base, 'elsewhere')]
    for (const path of [join(tree, 'a/point'), join(tree, 'b'), elsewhere])
      mkdirSync(path, { recursive: true })
    for (const path of [join(tree, 'a/one'), join(elsewhere, 'kept')]) writeFileSync(path, 'x')
    if (kind === 'tmpfs') mount('-t', 'tmpfs', 'tmpfs', join(tree, 'a/point'))
    else mount(kind, elsewhere, join(tree, 'a/point'))
    writeFileSync(join(tree, 'a/point/inside'), 'x')
    const report = await remove(nodeFs, tree, { mounts })
    expect(report.kept.map(({ path }) => path)).toEqual([join(tree, 'a/point')])
    expect(report.errors).toEqual([])
    expect(readdirSync(tree, { recursive: true }).sort()).toEqual(
      ['a', 'a/point', 'a/point/inside', ...(kind === 'tmpfs' ? [] : ['a/point/kept'])].sort(),
    )
  })

  test('a removal keeps a top directory that is a mount point, without a mount table', async () => {
    const base = tempBase()
    const [tree, elsewhere] = [join(base, 'tree'), join(base, 'elsewhere')]
    for (const path of [tree, elsewhere]) mkdirSync(path)
    writeFileSync(join(elsewhere, 'kept'), 'x')
    mount('--bind', elsewhere, tree)
    const report = await remove(nodeFs, tree, { mounts: unread('ENOENT') })
    expect(report.kept.map(({ path }) => path)).toEqual([tree])
    expect(readdirSync(elsewhere)).toEqual(['kept'])
  })

  test('a removal removes nothing while no descriptor is left to read the mount table', async () => {
    const { tree } = scene()
    const report = await remove(nodeFs, tree, { mounts: unread('EMFILE') })
    expect(report).toMatchObject({ files: 0, errors: [{ path: tree, error: { code: 'EMFILE' } }] })
    expect(existsSync(join(tree, 'shared/sub/one'))).toBe(true)
  })
})
