import { execFileSync } from 'node:child_process'
import nodeFs from 'node:fs'
import { basename, join, relative } from 'node:path'
import { createFsFromVolume, Volume } from 'memfs'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { FileSystem } from '../../../src/disk/file-system.ts'
import { moveInto } from '../../../src/disk/move/move.ts'
import { moveIn as takeIn } from '../../../src/disk/move/move-in.ts'
import { NO_JOURNAL } from '../../../src/disk/move/staging.ts'
import { tempBase } from '../../fixtures/temp-base.ts'

const {
  chmodSync,
  existsSync,
  linkSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} = nodeFs

const isRoot = process.getuid?.() === 0 && process.platform === 'linux'
const moveIn = (fs: FileSystem, from: string, to: string) => takeIn(fs, from, to, { journal: NO_JOURNAL })
const KEEP = { overwrite: false, durable: false }
const REPLACE = { overwrite: true, durable: false }
const ABSENT = 'x'.repeat(12)

let base: string
/** Where the source stands; `away` is the destination's directory. */
let home: string
let away: string
let mounted: string | undefined

function places(device: string): void {
  beforeEach(() => {
    base = tempBase()
    home = join(base, 'home')
    away = join(base, 'away')
    mkdirSync(home)
    mkdirSync(away)
    if (device !== 'another device') return
    execFileSync('mount', ['-t', 'tmpfs', 'tmpfs', away])
    mounted = away
  })
  afterEach(() => {
    if (mounted !== undefined) execFileSync('umount', [mounted])
    mounted = undefined
    clear(base)
  })
}

/** An ordinary user removes nothing from a directory of mode 0500. */
function clear(path: string): void {
  execFileSync('chmod', ['-R', 'u+rwx', path])
  rmSync(path, { recursive: true })
}

function makeFile(name = 'source', content = 'content'): string {
  const path = join(home, name)
  writeFileSync(path, content, { mode: 0o640 })
  utimesSync(path, 1_000_000, 2_000_000)
  return path
}

function makeTree(): string {
  const path = join(home, 'tree')
  mkdirSync(join(path, 'sub/empty'), { recursive: true })
  writeFileSync(join(path, 'sub/file'), 'inner', { mode: 0o400 })
  writeFileSync(join(path, 'top'), 'outer', { mode: 0o751 })
  symlinkSync('sub/file', join(path, 'link'))
  symlinkSync('/nowhere', join(path, 'dangling'))
  chmodSync(join(path, 'sub/empty'), 0o711)
  chmodSync(join(path, 'sub'), 0o500)
  chmodSync(path, 0o750)
  for (const [name, time] of [
    ['top', 11],
    ['sub/file', 22],
    ['sub/empty', 33],
    ['sub', 44],
    ['', 55],
  ] as const) {
    utimesSync(join(path, name), time * 1000, time * 2000)
  }
  return path
}

/** Everything about a tree that a move must keep. */
function portrait(path: string): unknown {
  const names = ['', ...(readdirSync(path, { recursive: true }) as string[]).sort()]
  return names.map((name) => {
    const stats = lstatSync(join(path, name))
    const mode = (stats.mode & 0o7777).toString(8)
    if (stats.isSymbolicLink()) return [name, readlinkSync(join(path, name))]
    if (stats.isDirectory()) return [name, mode, stats.mtimeMs]
    return [name, mode, stats.mtimeMs, readFileSync(join(path, name), 'utf8')]
  })
}

describe.each([['the same device'], ...(isRoot ? [['another device']] : [])])(
  'moveInto, to %s (another one needs root to mount)',
  (device) => {
    places(device)
    const crosses = device === 'another device'

    test.each([
      ['refusing what exists', KEEP],
      ['replacing', REPLACE],
      ['durably', { overwrite: false, durable: true }],
    ])('moves a file, %s, with its mode and times', async (_, options) => {
      const source = makeFile()
      await moveInto(nodeFs, source, join(away, 'kept'), options)
      expect(existsSync(source)).toBe(false)
      expect(readdirSync(away)).toEqual(['kept'])
      expect(readFileSync(join(away, 'kept'), 'utf8')).toBe('content')
      expect(statSync(join(away, 'kept'))).toMatchObject({ mode: 0o100640, mtimeMs: 2_000_000_000, nlink: 1 })
    })

    test.each([
      ['refusing what exists', KEEP],
      ['replacing', REPLACE],
      ['durably', { overwrite: false, durable: true }],
    ])('moves a directory, %s, with its modes, times and links', async (_, options) => {
      const source = makeTree()
      const before = portrait(source)
      await moveInto(nodeFs, source, join(away, 'kept'), options)
      expect(existsSync(source)).toBe(false)
      expect(readdirSync(away)).toEqual(['kept'])
      expect(portrait(join(away, 'kept'))).toEqual(before)
    })

    test('gives the file the mode asked for, whatever the umask', async () => {
      const umask = process.umask(0o777)
      try {
        await moveInto(nodeFs, makeFile(), join(away, 'file'), { ...KEEP, mode: 0o664 })
      } finally {
        process.umask(umask)
      }
      expect(statSync(join(away, 'file')).mode & 0o7777).toBe(0o664)
    })

    test.each([
      ['a file', () => makeFile()],
      ['a directory', () => makeTree()],
    ])('refuses to replace when not told to, and %s stays as it was', async (_, make) => {
      const source = make()
      const before = lstatSync(source)
      for (const [name, put] of [
        ['file', (path: string) => writeFileSync(path, 'theirs')],
        ['empty', (path: string) => mkdirSync(path)],
        ['dangling', (path: string) => symlinkSync('/nowhere', path)],
      ] as const) {
        put(join(away, name))
        await expect(
          moveInto(nodeFs, source, join(away, name), { ...KEEP, mode: 0o777 }),
        ).rejects.toMatchObject({
          code: 'ERR_TEMP_EXISTS',
        })
      }
      expect(lstatSync(source)).toMatchObject({ ino: before.ino, mode: before.mode, mtimeMs: before.mtimeMs })
      expect(readdirSync(away).sort()).toEqual(['dangling', 'empty', 'file'])
    })

    test('refuses what appears at the destination after it looked', async () => {
      for (const [source, destination] of [
        [makeFile(), join(away, 'f')],
        [makeTree(), join(away, 'd')],
      ] as const) {
        const late = (path: unknown): void => {
          if (path === destination && !existsSync(destination)) writeFileSync(destination, 'theirs')
        }
        // The other program acts between the look and the commit.
        const raced: FileSystem = {
          ...nodeFs,
          native: true,
          linkSync: (from, to) => {
            late(to)
            nodeFs.linkSync(from, to)
          },
          mkdirSync: (path, options) => {
            late(path)
            return nodeFs.mkdirSync(path, options)
          },
        }
        await expect(moveInto(raced, source, destination, KEEP)).rejects.toMatchObject({
          code: 'ERR_TEMP_EXISTS',
        })
        expect(existsSync(source)).toBe(true)
        expect(readFileSync(destination, 'utf8')).toBe('theirs')
      }
      expect(readdirSync(away).sort()).toEqual(['d', 'f'])
    })

    test('replaces a file by a file, a symlink itself by a file, and an empty directory by a directory', async () => {
      const precious = makeFile('precious', 'precious')
      writeFileSync(join(away, 'file'), 'old')
      symlinkSync(precious, join(away, 'link'))
      mkdirSync(join(away, 'dir'))
      await moveInto(nodeFs, makeFile('a', 'new'), join(away, 'file'), REPLACE)
      await moveInto(nodeFs, makeFile('b', 'new'), join(away, 'link'), REPLACE)
      await moveInto(nodeFs, makeTree(), join(away, 'dir'), REPLACE)
      expect(readFileSync(join(away, 'file'), 'utf8')).toBe('new')
      expect(lstatSync(join(away, 'link')).isFile()).toBe(true)
      expect(readFileSync(precious, 'utf8')).toBe('precious')
      expect(readdirSync(join(away, 'dir')).sort()).toEqual(['dangling', 'link', 'sub', 'top'])
      expect(readdirSync(away).sort()).toEqual(['dir', 'file', 'link'])
    })

    test('never replaces a directory by a file, a file by a directory, or a directory that holds something', async () => {
      const [file, tree] = [makeFile(), makeTree()]
      writeFileSync(join(away, 'file'), 'theirs')
      mkdirSync(join(away, 'full'))
      writeFileSync(join(away, 'full/theirs'), 'x')
      for (const [source, name] of [
        [file, 'full'],
        [tree, 'file'],
        [tree, 'full'],
      ] as const) {
        await expect(moveInto(nodeFs, source, join(away, name), REPLACE)).rejects.toMatchObject({
          code: 'ERR_TEMP_EXISTS',
        })
        expect(existsSync(source)).toBe(true)
      }
      expect(readdirSync(join(away, 'full'))).toEqual(['theirs'])
      expect(readdirSync(away).sort()).toEqual(['file', 'full'])
    })

    test("says that the destination's directory is missing, or is a file", async () => {
      writeFileSync(join(away, 'file'), 'x')
      for (const [source, options] of [
        [makeFile(), KEEP],
        [makeFile('b'), REPLACE],
        [makeTree(), KEEP],
        [makeFile('c'), { overwrite: true, durable: true }],
      ] as const) {
        for (const parent of ['missing', 'file']) {
          await expect(moveInto(nodeFs, source, join(away, parent, 'x'), options)).rejects.toMatchObject({
            code: 'ERR_TEMP_IO',
            message: expect.stringContaining('Create it first'),
          })
        }
        expect(existsSync(source)).toBe(true)
      }
      expect(readdirSync(away)).toEqual(['file'])
    })

    test('takes a relative destination and one with a trailing slash', async () => {
      await moveInto(nodeFs, makeFile(), relative(process.cwd(), join(away, 'file')), KEEP)
      await moveInto(nodeFs, makeTree(), `${join(away, 'dir')}/`, KEEP)
      expect(readdirSync(away).sort()).toEqual(['dir', 'file'])
    })

    test('keeps messages free of paths', async () => {
      writeFileSync(join(away, ABSENT), 'theirs')
      const error: unknown = await moveInto(nodeFs, makeFile(), join(away, ABSENT), KEEP).catch(
        (e: unknown) => e,
      )
      expect(String(error)).not.toContain(basename(ABSENT))
      expect(error).toMatchObject({ path: join(away, ABSENT) })
    })

    test.each(['renameSync', 'linkSync', 'unlinkSync', 'mkdirSync', 'chmodSync', 'open', 'fsync'] as const)(
      'when %s fails, the source is intact and nothing stands beside the destination',
      async (call) => {
        for (const [source, options] of [
          [makeFile('a'), { overwrite: true, durable: true, mode: 0o600 }],
          [makeFile('b'), { overwrite: false, durable: true, mode: 0o600 }],
          [makeTree(), { overwrite: false, durable: true, mode: 0o700 }],
        ] as const) {
          const destination = join(away, 'destination')
          const before = statSync(source).isFile() ? readFileSync(source, 'utf8') : portrait(source)
          const mode = statSync(source).mode
          // Each time one call later fails, until the move goes through.
          for (let nth = 1; ; nth++) {
            let calls = 0
            const fault = Object.assign(new Error('EIO'), { code: 'EIO' })
            const faulty: FileSystem = { ...nodeFs, native: true }
            const sound = nodeFs[call] as (...input: unknown[]) => unknown
            Object.assign(faulty, {
              [call]: (...input: unknown[]) => {
                if (++calls !== nth) return sound(...input)
                const callback = input.at(-1)
                if (typeof callback !== 'function') throw fault
                return callback(fault)
              },
            })
            const failure: unknown = await moveInto(faulty, source, destination, options).then(
              () => undefined,
              (error: unknown) => error,
            )
            if (!existsSync(source)) {
              expect(failure).toBeUndefined()
              expect(readdirSync(away)).toEqual(['destination'])
              clear(destination)
              break
            }
            expect(failure).toMatchObject({ code: 'ERR_TEMP_IO', cause: fault })
            expect(readdirSync(away)).toEqual([])
            expect(statSync(source).isFile() ? readFileSync(source, 'utf8') : portrait(source)).toEqual(
              before,
            )
            expect(statSync(source).mode).toBe(mode)
          }
        }
      },
    )

    if (crosses)
      test('refuses to copy a FIFO to another device, and leaves everything in place', async () => {
        const source = makeTree()
        execFileSync('mkfifo', [join(source, 'fifo')])
        await expect(moveInto(nodeFs, source, join(away, 'x'), KEEP)).rejects.toMatchObject({
          code: 'ERR_TEMP_IO',
        })
        expect(readdirSync(source)).toContain('fifo')
        expect(readdirSync(away)).toEqual([])
      })

    if (crosses)
      test('a destination that fills up leaves the source, no half copy, and says NO_SPACE', async () => {
        execFileSync('mount', ['-o', 'remount,size=256k', away])
        const source = makeFile('big', 'x'.repeat(1024 * 1024))
        await expect(moveInto(nodeFs, source, join(away, 'x'), KEEP)).rejects.toMatchObject({
          code: 'ERR_TEMP_NO_SPACE',
        })
        expect(statSync(source).size).toBe(1024 * 1024)
        expect(readdirSync(away)).toEqual([])
      })
  },
)

describe('moveInto', () => {
  places('the same device')

  test('onto another hard link of the same file leaves the one name', async () => {
    const source = makeFile()
    linkSync(source, join(away, 'twin'))
    await moveInto(nodeFs, source, join(away, 'twin'), REPLACE)
    expect(existsSync(source)).toBe(false)
    expect(readFileSync(join(away, 'twin'), 'utf8')).toBe('content')
  })

  test('refuses itself as its destination, by any path, and a place inside itself', async () => {
    const [file, tree] = [makeFile(), makeTree()]
    symlinkSync(home, join(base, 'detour'))
    for (const same of [file, join(base, 'detour/source')]) {
      await expect(moveInto(nodeFs, file, same, REPLACE)).rejects.toMatchObject({ code: 'ERR_TEMP_EXISTS' })
    }
    for (const options of [KEEP, REPLACE]) {
      await expect(moveInto(nodeFs, tree, join(tree, 'inside'), options)).rejects.toMatchObject({
        code: 'ERR_TEMP_IO',
      })
    }
    expect(readdirSync(tree)).not.toContain('inside')
    expect(readFileSync(file, 'utf8')).toBe('content')
  })

  test('works where there are no hard links, and still refuses what exists', async () => {
    const noLinks: FileSystem = {
      ...nodeFs,
      linkSync: () => {
        throw Object.assign(new Error('EPERM'), { code: 'EPERM' })
      },
    }
    await moveInto(noLinks, makeFile(), join(away, 'file'), KEEP)
    expect(readFileSync(join(away, 'file'), 'utf8')).toBe('content')
    await expect(moveInto(noLinks, makeFile(), join(away, 'file'), KEEP)).rejects.toMatchObject({
      code: 'ERR_TEMP_EXISTS',
    })
    expect(readdirSync(home)).toEqual(['source'])
  })

  test('a source that is gone is ERR_TEMP_IO with the reason as cause', async () => {
    await expect(moveInto(nodeFs, join(home, 'gone'), join(away, 'x'), KEEP)).rejects.toMatchObject({
      code: 'ERR_TEMP_IO',
      cause: { code: 'ENOENT' },
    })
  })

  test('moves on an injected file system, and refuses a full directory there too', async () => {
    const memory: FileSystem = createFsFromVolume(
      Volume.fromJSON({ '/t/d/f': 'x', '/t/file': 'y', '/full/theirs': 'z' }),
    )
    await expect(moveInto(memory, '/t/d', '/full', REPLACE)).rejects.toMatchObject({
      code: 'ERR_TEMP_EXISTS',
    })
    await moveInto(memory, '/t/d', '/moved', KEEP)
    await moveInto(memory, '/t/file', '/file', { ...KEEP, durable: true })
    expect(memory.readdirSync('/').sort()).toEqual(['file', 'full', 'moved', 't'])
    expect(memory.readdirSync('/moved')).toEqual(['f'])
  })
})

describe.each([['the same device'], ...(isRoot ? [['another device']] : [])])(
  'moveIn, from %s (another one needs root to mount)',
  (device) => {
    places(device)

    test('takes a file and a directory in, as they were', async () => {
      writeFileSync(join(away, 'file'), 'content', { mode: 0o604 })
      const tree = makeTree()
      const before = portrait(tree)
      await moveInto(nodeFs, tree, join(away, 'tree'), KEEP)
      await moveIn(nodeFs, join(away, 'file'), join(home, 'file'))
      await moveIn(nodeFs, join(away, 'tree'), join(home, 'taken'))
      expect(readdirSync(away)).toEqual([])
      expect(readFileSync(join(home, 'file'), 'utf8')).toBe('content')
      expect(statSync(join(home, 'file')).mode & 0o777).toBe(0o604)
      expect(portrait(join(home, 'taken'))).toEqual(before)
    })

    test('refuses a symlink and a FIFO, which stay', async () => {
      symlinkSync(makeFile(), join(away, 'link'))
      execFileSync('mkfifo', [join(away, 'fifo')])
      for (const name of ['link', 'fifo']) {
        await expect(moveIn(nodeFs, join(away, name), join(home, 'taken'))).rejects.toMatchObject({
          code: 'ERR_TEMP_IO',
        })
      }
      expect(readdirSync(away).sort()).toEqual(['fifo', 'link'])
      expect(readdirSync(home)).toEqual(['source'])
    })

    test.each(['renameSync', 'unlinkSync', 'mkdirSync'] as const)(
      'when %s fails, the source is whole and no copy is left',
      async (call) => {
        const faulty: FileSystem = {
          ...nodeFs,
          native: true,
          [call]: (from: string) => {
            const code = call === 'renameSync' && from.endsWith('first') ? 'EXDEV' : 'EACCES'
            throw Object.assign(new Error(code), { code })
          },
        }
        mkdirSync(join(away, 'tree/sub'), { recursive: true })
        writeFileSync(join(away, 'tree/sub/file'), 'x')
        writeFileSync(join(away, 'file'), 'x')
        for (const name of ['tree', 'file']) {
          const failure: unknown = await moveIn(faulty, join(away, name), join(home, 'taken')).catch(
            (e: unknown) => e,
          )
          if (!(failure instanceof Error)) {
            // This call is not made on this way.
            clear(join(home, 'taken'))
            continue
          }
          expect(failure).toMatchObject({ code: 'ERR_TEMP_IO' })
          expect(readdirSync(away)).toContain(name)
          expect(readdirSync(home)).toEqual([])
          if (name === 'tree') expect(readFileSync(join(away, 'tree/sub/file'), 'utf8')).toBe('x')
        }
      },
    )
  },
)

test.runIf(isRoot)('moveIn refuses a directory that holds a mount (needs root to mount)', async () => {
  const own = tempBase()
  const point = join(own, 'tree/mnt')
  mkdirSync(point, { recursive: true })
  execFileSync('mount', ['-t', 'tmpfs', 'tmpfs', point])
  try {
    await expect(moveIn(nodeFs, join(own, 'tree'), join(own, 'taken'))).rejects.toMatchObject({
      code: 'ERR_TEMP_IO',
    })
    expect(readdirSync(own)).toEqual(['tree'])
  } finally {
    execFileSync('umount', [point])
  }
})
