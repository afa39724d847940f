import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { basename, join, relative } from 'node:path'
import { describe, expect, test } from 'vitest'
import type { TempDir, TempFile, TempFileError, TempFileManager } from '../../src/index.ts'
import { exchanging } from '../fixtures/every-step.ts'
import { failure } from '../fixtures/failures.ts'
import { steppingDisk, systemError } from '../fixtures/stepping-disk.ts'
import { tempBase, tempManager } from '../fixtures/temp-base.ts'
import { DEVICES, elsewhere } from './devices.ts'

describe.each(DEVICES)('adopt from %s', (_device, place) => {
  test('a foreign file is moved in as a file, and is removed with its scope', async () => {
    const foreign = join(place(), 'upload.mkv')
    writeFileSync(foreign, 'frames', { mode: 0o640 })
    utimesSync(foreign, 5, 6)
    const manager = tempManager()
    const path = await (async () => {
      await using adopted = await manager.adopt(foreign)
      expect(adopted.kind).toBe('file')
      expect(existsSync(foreign)).toBe(false)
      expect(adopted.path.startsWith(join(String(manager.sessionPath), 'tmp-'))).toBe(true)
      expect(adopted.name).toMatch(/\.mkv$/)
      expect(readFileSync(adopted.path, 'utf8')).toBe('frames')
      expect(statSync(adopted.path)).toMatchObject({ mtimeMs: 6000 })
      expect(statSync(adopted.path).mode & 0o777).toBe(0o640)
      return adopted.path
    })()
    expect(existsSync(path)).toBe(false)
    expect(manager.stats()).toMatchObject({ entries: 0, filesCreated: 1, removed: 1 })
  })

  test.each([
    ['moved in', undefined],
    ['registered', true],
  ])('what replaced a file after it was checked is not %s, and stays', async (_how, inPlace) => {
    const directory = place()
    const foreign = join(directory, 'upload.mkv')
    writeFileSync(foreign, 'checked')
    const manager = tempManager()
    const validate = (): void => {
      renameSync(foreign, join(directory, 'aside'))
      writeFileSync(foreign, 'replaced')
    }
    const error = await failure('ERR_TEMP_IO', () =>
      manager.adopt(foreign, { inPlace, accept: { validate } }),
    )
    expect(error.message).toContain('exchanged')
    await manager.removeAll()
    expect(readFileSync(foreign, 'utf8')).toBe('replaced')
    expect(manager.stats()).toMatchObject({ entries: 0 })
  })

  test('a path that leads elsewhere after it was examined is not registered in place, and nothing there is removed', async () => {
    const directory = place()
    const [theirs, vault] = [join(directory, 'theirs'), join(directory, 'vault')]
    for (const path of [theirs, vault]) {
      mkdirSync(path)
      writeFileSync(join(path, 'file'), path)
    }
    const fs = exchanging('realpathSync', () => {
      renameSync(theirs, join(directory, 'aside'))
      symlinkSync(vault, theirs)
    })
    const manager = tempManager({ fs })
    const error = await failure('ERR_TEMP_IO', () => manager.adopt(join(theirs, 'file'), { inPlace: true }))
    expect(error.message).toContain('exchanged')
    await manager.close()
    expect(readFileSync(join(vault, 'file'), 'utf8')).toBe(vault)
  })

  test.each(['handOff', 'persist'] as const)(
    '%s moves nothing when the directory of an entry adopted in place was exchanged for a link',
    async (move) => {
      const directory = place()
      const [theirs, vault] = [join(directory, 'theirs'), join(directory, 'vault')]
      for (const path of [theirs, vault]) {
        mkdirSync(path)
        writeFileSync(join(path, 'file'), path)
      }
      const manager = tempManager({ onCleanupError: () => {} })
      const file = await manager.adopt(join(theirs, 'file'), { inPlace: true })
      renameSync(theirs, join(directory, 'aside'))
      symlinkSync(vault, theirs)
      const error = await failure('ERR_TEMP_IO', () =>
        move === 'handOff' ? file.handOff() : file.persist(join(place(), 'result')),
      )
      expect(error.message).toContain('exchanged')
      expect(readFileSync(join(vault, 'file'), 'utf8')).toBe(vault)
      expect(await manager.handoffs()).toEqual([])
    },
  )

  test.each(['close', 'closeSync', 'removeAll'] as const)(
    'an entry adopted in place that %s cannot remove is reported with its own path',
    async (end) => {
      const directory = place()
      const foreign = join(directory, 'theirs', 'file')
      mkdirSync(join(directory, 'theirs'))
      writeFileSync(foreign, 'x')
      const paths: unknown[] = []
      const manager = tempManager({ onCleanupError: ({ path }) => paths.push(path) })
      await manager.adopt(foreign, { inPlace: true })
      renameSync(join(directory, 'theirs'), join(directory, 'aside'))
      mkdirSync(join(directory, 'theirs'))
      await manager[end]()
      expect(paths).toEqual([foreign])
    },
  )

  test.each([
    ['removeAll', 'removeAll'],
    ['removeAll', 'close'],
    ['removeAll', 'closeSync'],
    ['close', 'closeSync'],
    ['closeSync', 'closeSync'],
  ] as const)('an entry adopted in place that %s cannot remove is removed by %s', async (end, later) => {
    const directory = place()
    const theirs = join(directory, 'theirs')
    mkdirSync(theirs)
    writeFileSync(join(theirs, 'file'), 'x')
    const manager = tempManager({ onCleanupError: () => {} })
    await manager.adopt(join(theirs, 'file'), { inPlace: true })
    renameSync(theirs, join(directory, 'aside'))
    mkdirSync(theirs)
    await manager[end]()
    rmSync(theirs, { recursive: true })
    renameSync(join(directory, 'aside'), theirs)
    await manager[later]()
    expect(readdirSync(theirs)).toEqual([])
  })

  test.each([['removeAll'], ['close'], ['closeSync']] as const)(
    'an entry adopted in place is removed by %s also when the directory of its session was lost meanwhile',
    async (end) => {
      const foreign = join(place(), 'upload.mkv')
      writeFileSync(foreign, 'x')
      const manager = tempManager({ onCleanupError: () => {} })
      await manager.adopt(foreign, { inPlace: true })
      rmSync(String(manager.sessionPath), { recursive: true })
      manager.file()
      await manager[end]()
      expect(existsSync(foreign)).toBe(false)
    },
  )

  test('a directory that replaced a file after it was examined is not adopted as a file', async () => {
    const foreign = join(place(), 'upload.mkv')
    writeFileSync(foreign, 'examined')
    const fs = exchanging('openSync', () => {
      rmSync(foreign)
      mkdirSync(foreign)
    })
    await failure('ERR_TEMP_IO', () => tempManager({ fs }).adopt(foreign))
    expect(statSync(foreign).isDirectory()).toBe(true)
  })

  test('a foreign directory is moved in as a directory with all its contents', async () => {
    const foreign = join(place(), 'frames')
    mkdirSync(join(foreign, 'a'), { recursive: true })
    writeFileSync(join(foreign, 'a/1'), 'one')
    const manager = tempManager()
    const adopted = await manager.adopt(foreign)
    if (adopted.kind !== 'dir') throw new Error('not a directory')
    expect(existsSync(foreign)).toBe(false)
    expect(readFileSync(adopted.join('a/1'), 'utf8')).toBe('one')
    await manager.close()
    expect(existsSync(adopted.path)).toBe(false)
  })

  test('a file adopted in place stays where it is until its scope ends', async () => {
    const foreign = join(place(), 'x.bin')
    writeFileSync(foreign, 'x')
    const manager = tempManager()
    {
      await using adopted = await manager.adopt(foreign, { inPlace: true })
      expect(adopted).toMatchObject({ path: foreign, name: 'x.bin' })
      expect(existsSync(foreign)).toBe(true)
    }
    expect(existsSync(foreign)).toBe(false)
  })
})

describe.skipIf(elsewhere === undefined)('a directory of another device', () => {
  test.each<[string, (manager: TempFileManager, source: string) => Promise<unknown>]>([
    ['adopt', (manager, source) => manager.adopt(source)],
    ['persist', async (manager, source) => (await inPlace(manager, source)).persist(join(tempBase(), 'out'))],
    ['handOff', async (manager, source) => (await inPlace(manager, source)).handOff({ durable: false })],
    [
      "a failed scope that is kept by preserve: 'on-error'",
      async (manager, source) => {
        await using scope = manager.scope({ preserve: 'on-error' })
        await scope.adopt(source, { inPlace: true })
        scope.fail('its reason')
      },
    ],
  ])('%s reports a file of the source that it could not remove after the copy', async (_, move) => {
    const far = elsewhere?.() ?? ''
    mkdirSync(join(far, 'source/sub'), { recursive: true })
    writeFileSync(join(far, 'source/sub/stuck.txt'), 'not removed')
    const disk = steppingDisk((call, path) => {
      if (call === 'unlink' && basename(path) === 'stuck.txt') throw systemError('EROFS')
    })
    const reported: TempFileError[] = []
    const manager = tempManager({ fs: disk, onCleanupError: (error) => void reported.push(error) })
    await move(manager, join(far, 'source'))
    expect(reported).toMatchObject([{ code: 'ERR_TEMP_CLEANUP', cause: { code: 'EROFS' } }])
    const path = String(reported[0]?.path)
    expect([path.slice(0, far.length), basename(path)], 'a path that a user can open').toEqual([
      far,
      'stuck.txt',
    ])
    expect(manager.stats().cleanupErrors).toBe(1)
    expect(
      readdirSync(far, { recursive: true })
        .map(String)
        .filter((name) => name.endsWith('.txt')),
    ).toHaveLength(1)
  })

  const inPlace = (manager: TempFileManager, source: string): Promise<TempFile | TempDir> =>
    manager.adopt(source, { inPlace: true })
})

describe('adopted in place', () => {
  test.each(['close', 'closeSync'] as const)(
    'a file and a full directory that were adopted in place are removed at %s',
    async (way) => {
      const base = tempBase()
      const [file, dir] = [join(base, 'f'), join(base, 'd')]
      writeFileSync(file, '')
      mkdirSync(join(dir, 'a'), { recursive: true })
      const manager = tempManager()
      await manager.adopt(file, { inPlace: true })
      await manager.adopt(dir, { inPlace: true })
      await manager[way]()
      expect([existsSync(file), existsSync(dir)]).toEqual([false, false])
    },
  )

  test('close does not touch a new file where an entry adopted in place was persisted or removed', async () => {
    const base = tempBase()
    const [one, two] = [join(base, 'one'), join(base, 'two')]
    writeFileSync(one, '1')
    writeFileSync(two, '2')
    const manager = tempManager()
    await (await manager.adopt(one, { inPlace: true })).persist(join(base, 'elsewhere'))
    await (await manager.adopt(two, { inPlace: true })).remove()
    writeFileSync(one, 'another file of the same name')
    writeFileSync(two, 'another file of the same name')
    await manager.close()
    expect([existsSync(one), existsSync(two), existsSync(join(base, 'elsewhere'))]).toEqual([
      true,
      true,
      true,
    ])
  })

  test('a file adopted in place is not removed by a manager with preserve', async () => {
    const file = join(tempBase(), 'f')
    writeFileSync(file, '')
    const manager = tempManager({ preserve: true })
    await manager.adopt(file, { inPlace: true })
    await manager.close()
    expect(existsSync(file)).toBe(true)
  })
})

test.each([true, false])('a directory that holds the root is not adopted (inPlace: %s)', async (inPlace) => {
  const parent = tempBase()
  const manager = tempManager({ baseDir: join(parent, 'base') })
  const held = manager.file()
  for (const path of [parent, join(parent, 'base'), manager.root]) {
    const error = await failure('ERR_TEMP_OPTION_INVALID', () => manager.adopt(path, { inPlace }))
    expect(error.message).toContain('the root directory of this manager is in it')
  }
  await manager.removeAll()
  expect(existsSync(manager.root)).toBe(true)
  expect(existsSync(held.path)).toBe(false)
})

test('a relative path to adopt is relative to the current directory', async () => {
  const foreign = join(tempBase(), 'x')
  writeFileSync(foreign, '')
  const manager = tempManager()
  await manager.adopt(relative(process.cwd(), foreign))
  expect(existsSync(foreign)).toBe(false)
})

test('adopting a link is refused, and neither it nor its target is touched', async () => {
  const base = tempBase()
  writeFileSync(join(base, 'target'), 'x')
  symlinkSync('target', join(base, 'link'))
  const manager = tempManager()
  for (const inPlace of [true, false])
    await failure('ERR_TEMP_IO', () => manager.adopt(join(base, 'link'), { inPlace }))
  expect(readFileSync(join(base, 'link'), 'utf8')).toBe('x')
})

test('adopt() refuses a missing file and a value that is not a path, and counts neither', async () => {
  const manager = tempManager({ limits: { liveEntries: 1 } })
  await failure('ERR_TEMP_IO', () => manager.adopt(join(tempBase(), 'nothing')))
  for (const path of ['', 'a\0', undefined, 5])
    await failure('ERR_TEMP_OPTION_INVALID', () => manager.adopt(path as string)) // untyped programs
  expect(manager.stats().entries).toBe(0)
})

test('a file that adopt() refuses beyond limits.liveEntries stays where it is', async () => {
  const foreign = join(tempBase(), 'x')
  writeFileSync(foreign, '')
  const manager = tempManager({ limits: { liveEntries: 1 } })
  manager.file()
  await failure('ERR_TEMP_QUOTA', () => manager.adopt(foreign))
  expect(existsSync(foreign)).toBe(true)
})
