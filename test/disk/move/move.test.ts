import nodeFs from 'node:fs'
import { basename, join, relative } from 'node:path'
import { createFsFromVolume, Volume } from 'memfs'
import { describe, expect, test } from 'vitest'
import type { FileSystem } from '../../../src/disk/file-system.ts'
import { moveInto } from '../../../src/disk/move/move.ts'
import { away, clear, DEVICES, home, KEEP, makeFile, makeTree, places, portrait, REPLACE } from './places.ts'

const { existsSync, lstatSync, mkdirSync, readdirSync, readFileSync, statSync, symlinkSync, writeFileSync } =
  nodeFs

const ABSENT = 'x'.repeat(12)

describe.each(DEVICES)('moveInto, to %s (another one needs root to mount)', (device) => {
  places(device)

  test.each([
    ['refusing what exists', KEEP],
    ['replacing', REPLACE],
    ['durably', { overwrite: false, durable: true }],
  ])('moveInto() moves a file, %s, with its mode and times', async (_, options) => {
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
  ])('moveInto() moves a directory, %s, with its modes, times and links', async (_, options) => {
    const source = makeTree()
    const before = portrait(source)
    await moveInto(nodeFs, source, join(away, 'kept'), options)
    expect(existsSync(source)).toBe(false)
    expect(readdirSync(away)).toEqual(['kept'])
    expect(portrait(join(away, 'kept'))).toEqual(before)
  })

  test('moveInto() gives the file the mode asked for under any umask', async () => {
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
  ])('moveInto() refuses to replace without `overwrite`, and %s stays as it was', async (_, make) => {
    const source = make()
    const before = lstatSync(source)
    for (const [name, put] of [
      ['file', (path: string) => writeFileSync(path, 'of another program')],
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

  test('moveInto() refuses what is created at the destination after the check', async () => {
    for (const [source, destination] of [
      [makeFile(), join(away, 'f')],
      [makeTree(), join(away, 'd')],
    ] as const) {
      const late = (path: unknown): void => {
        if (path === destination && !existsSync(destination)) writeFileSync(destination, 'of another program')
      }
      // The other program acts between the check and the commit.
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
      expect(readFileSync(destination, 'utf8')).toBe('of another program')
    }
    expect(readdirSync(away).sort()).toEqual(['d', 'f'])
  })

  test('moveInto() replaces a file by a file, a symlink itself by a file, an empty directory by another', async () => {
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

  test('moveInto() never replaces a directory by a file, a file by a directory, or a full directory', async () => {
    const [file, tree] = [makeFile(), makeTree()]
    writeFileSync(join(away, 'file'), 'of another program')
    mkdirSync(join(away, 'full'))
    writeFileSync(join(away, 'full/other'), 'x')
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
    expect(readdirSync(join(away, 'full'))).toEqual(['other'])
    expect(readdirSync(away).sort()).toEqual(['file', 'full'])
  })

  test("moveInto() reports that the destination's directory is missing, or is a file", async () => {
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

  test('moveInto() takes a relative destination and one with a trailing slash', async () => {
    await moveInto(nodeFs, makeFile(), relative(process.cwd(), join(away, 'file')), KEEP)
    await moveInto(nodeFs, makeTree(), `${join(away, 'dir')}/`, KEEP)
    expect(readdirSync(away).sort()).toEqual(['dir', 'file'])
  })

  test('the message of a failed moveInto() contains no path', async () => {
    writeFileSync(join(away, ABSENT), 'of another program')
    const error: unknown = await moveInto(nodeFs, makeFile(), join(away, ABSENT), KEEP).catch(
      (e: unknown) => e,
    )
    expect(String(error)).not.toContain(basename(ABSENT))
    expect(error).toMatchObject({ path: join(away, ABSENT) })
  })

  test.each(['renameSync', 'linkSync', 'unlinkSync', 'mkdirSync', 'chmodSync', 'open', 'fsync'] as const)(
    'when %s fails in moveInto(), the source is intact and nothing is left beside the destination',
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
          expect(statSync(source).isFile() ? readFileSync(source, 'utf8') : portrait(source)).toEqual(before)
          expect(statSync(source).mode).toBe(mode)
        }
      }
    },
  )
})

describe('moveInto', () => {
  places('the same device')

  test('a source that does not exist is ERR_TEMP_IO with the cause of the system', async () => {
    await expect(moveInto(nodeFs, join(home, 'gone'), join(away, 'x'), KEEP)).rejects.toMatchObject({
      code: 'ERR_TEMP_IO',
      cause: { code: 'ENOENT' },
    })
  })

  test('moveInto() moves on an injected file system, and refuses a full directory there too', async () => {
    const memory: FileSystem = createFsFromVolume(
      Volume.fromJSON({ '/t/d/f': 'x', '/t/file': 'y', '/full/other': 'z' }),
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
