import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { dirname, isAbsolute, join, relative } from 'node:path'
import { describe, expect, test } from 'vitest'
import { failure, failureSync } from '../fixtures/failures.ts'
import { EMPTY_SESSION } from '../fixtures/handoff-root.ts'
import { tempBase, tempManager } from '../fixtures/temp-base.ts'
import { canMount, DEVICES, elsewhere, volume } from './devices.ts'

test('of two persists at once one moves the file, and the other is ERR_TEMP_REMOVED', async () => {
  const [file, place] = [await tempManager().receive('text'), tempBase()]
  const both = await Promise.allSettled(['a', 'b'].map((name) => file.persist(join(place, name))))
  const refused = both.filter((each) => each.status === 'rejected')
  expect(refused).toMatchObject([{ reason: { code: 'ERR_TEMP_REMOVED' } }])
  expect(readdirSync(place)).toHaveLength(1)
})

test('persist of a directory in a lost session is ERR_TEMP_SESSION_LOST', async () => {
  const manager = tempManager({ onCleanupError: () => {} })
  const dir = manager.dir()
  rmSync(String(manager.sessionPath), { recursive: true })
  await failure('ERR_TEMP_SESSION_LOST', () => dir.persist(join(tempBase(), 'x')))
})

describe.each(DEVICES)('persist on %s', (_device, place) => {
  test('persist() moves a file permanently, with its content, mode and times', async () => {
    const target = join(place(), 'movie.mkv')
    const manager = tempManager()
    const { path, returned } = await (async () => {
      await using file = manager.file('.mkv')
      writeFileSync(file.path, 'frames')
      chmodSync(file.path, 0o640)
      utimesSync(file.path, 1_000_000, 1_234_567)
      const returned = await file.persist(target)
      expect(file.disposed).toBe(true)
      return { path: file.path, returned }
    })()
    expect(returned).toBe(target)
    expect(readFileSync(target, 'utf8')).toBe('frames')
    expect(statSync(target).mode & 0o7777).toBe(0o640)
    expect(statSync(target).mtimeMs).toBe(1_234_567_000)
    expect(existsSync(path)).toBe(false)
    expect(readdirSync(dirname(target)), 'nothing beside it').toEqual(['movie.mkv'])
    expect(manager.stats()).toMatchObject({ entries: 0, persisted: 1, removed: 0 })
    await manager.close()
    expect(readFileSync(target, 'utf8'), 'outlives the manager').toBe('frames')
  })

  test('persist() moves a directory with all its contents', async () => {
    const target = join(place(), 'result')
    const manager = tempManager()
    const dir = manager.dir()
    mkdirSync(dir.join('a/b'), { recursive: true })
    writeFileSync(dir.join('a/b/file'), 'x', { mode: 0o600 })
    symlinkSync('b/file', dir.join('a/link'))
    utimesSync(dir.join('a/b/file'), 1, 2)
    utimesSync(dir.join('a'), 3, 4)
    await dir.persist(target, { mode: 0o755 })
    expect(readFileSync(join(target, 'a/link'), 'utf8')).toBe('x')
    expect(statSync(target).mode & 0o777).toBe(0o755)
    expect(statSync(join(target, 'a/b/file')).mtimeMs).toBe(2000)
    expect(statSync(join(target, 'a')).mtimeMs).toBe(4000)
    expect(existsSync(dir.path)).toBe(false)
  })

  test('persist() sets the requested mode', async () => {
    const manager = tempManager()
    const target = await manager.file().persist(join(place(), 'x'), { mode: 0o644, durable: false })
    expect(statSync(target).mode & 0o777).toBe(0o644)
  })

  test('persist() replaces an existing file, unless overwrite is false: then the handle stays usable', async () => {
    const target = join(place(), 'x')
    writeFileSync(target, 'old')
    const manager = tempManager()
    const file = manager.file()
    await file.write('new')
    chmodSync(file.path, 0o640)
    await failure('ERR_TEMP_EXISTS', () => file.persist(target, { overwrite: false, mode: 0o666 }))
    expect(readFileSync(target, 'utf8')).toBe('old')
    expect(file.disposed).toBe(false)
    expect(statSync(file.path).mode & 0o777, 'its mode is as it was').toBe(0o640)
    expect(await file.size()).toBe(3)
    expect(readdirSync(dirname(target))).toEqual(['x'])
    await file.persist(target)
    expect(readFileSync(target, 'utf8')).toBe('new')
  })

  test('of many concurrent persists without overwrite one succeeds, and the others keep their files', async () => {
    const target = join(place(), 'prize')
    const manager = tempManager()
    const files = await Promise.all(Array.from({ length: 12 }, (_, n) => manager.receive(`candidate ${n}`)))
    const results = await Promise.allSettled(
      files.map((file) => file.persist(target, { overwrite: false, durable: false })),
    )
    const winners = files.filter((_, n) => results[n]?.status === 'fulfilled')
    expect(winners).toHaveLength(1)
    for (const result of results)
      if (result.status === 'rejected') expect(result.reason).toMatchObject({ code: 'ERR_TEMP_EXISTS' })
    expect(files.filter((file) => !file.disposed && existsSync(file.path))).toHaveLength(11)
    expect(readFileSync(target, 'utf8')).toMatch(/^candidate \d+$/)
    expect(readdirSync(dirname(target))).toEqual(['prize'])
  })

  test('persist() into a directory that does not exist fails and leaves the handle usable', async () => {
    const manager = tempManager()
    const file = manager.file()
    await file.write('still here')
    await failure('ERR_TEMP_IO', () => file.persist(join(place(), 'no/such/place')))
    expect(file.disposed).toBe(false)
    expect(readFileSync(file.path, 'utf8')).toBe('still here')
    file.removeSync()
  })

  test('persist() over a directory that is not empty is refused', async () => {
    const target = place()
    writeFileSync(join(target, 'theirs'), '')
    const manager = tempManager()
    const [file, dir] = [manager.file(), manager.dir()]
    await failure('ERR_TEMP_EXISTS', () => file.persist(target))
    await failure('ERR_TEMP_EXISTS', () => dir.persist(target))
    expect(readdirSync(target)).toEqual(['theirs'])
    expect([existsSync(file.path), existsSync(dir.path)]).toEqual([true, true])
  })
})

test.skipIf(!canMount)('a persist to a full volume leaves nothing there and the handle usable', async () => {
  const target = volume('1m')
  const manager = tempManager()
  const file = await manager.receive(Buffer.alloc(2_000_000))
  await failure('ERR_TEMP_NO_SPACE', () => file.persist(join(target, 'big')))
  expect(readdirSync(target)).toEqual([])
  expect(await file.size()).toBe(2_000_000)
  expect(manager.stats()).toMatchObject({ entries: 1, bytes: 2_000_000, persisted: 0 })
})

test('a relative destination of persist() is relative to the current directory', async () => {
  const base = tempBase()
  const manager = tempManager()
  const target = await manager.file().persist(relative(process.cwd(), join(base, 'x')))
  expect(isAbsolute(target)).toBe(true)
  expect(target).toBe(join(base, 'x'))
})

test('persist() of a file with an exact name leaves nothing of its own directory', async () => {
  const manager = tempManager()
  const file = manager.file({ name: 'exact.txt' })
  await file.persist(join(tempBase(), 'x'))
  expect(readdirSync(manager.sessionPath ?? '').sort()).toEqual(EMPTY_SESSION)
})

test('persist() is refused while something may still write, and works once that is closed', async () => {
  const manager = tempManager()
  const file = manager.file()
  const target = join(tempBase(), 'x')
  const handle = await file.open()
  await failure('ERR_TEMP_IO', () => file.persist(target))
  const refused = await failure('ERR_TEMP_IO', () => file.handOff())
  expect(refused.message).toMatch(/^Cannot publish it: /)
  await handle.close()
  const writing = file.write('half')
  await failure('ERR_TEMP_IO', () => file.persist(target))
  await writing
  const reader = file.createReadStream()
  await file.persist(target)
  expect(readFileSync(target, 'utf8')).toBe('half')
  reader.destroy()
})

test.each(['', 'a\0b', undefined, null, 5])('persist() refuses the destination %j', async (destination) => {
  const manager = tempManager()
  const file = manager.file()
  // A program without types may pass this.
  await failure('ERR_TEMP_OPTION_INVALID', () => file.persist(destination as string))
  expect(existsSync(file.path)).toBe(true)
})

test.each([{ mode: 0o10000 }, { mode: -1 }, { mode: '644' }, { overwrite: 'no' }, { durable: 1 }, 5, null])(
  'persist() refuses the options %j, and the handle stays usable',
  async (options) => {
    const manager = tempManager()
    const file = manager.file()
    // A program without types may pass this.
    await failure('ERR_TEMP_OPTION_INVALID', () => file.persist(join(tempBase(), 'x'), options as object))
    expect(existsSync(file.path)).toBe(true)
  },
)

describe('persistSync', () => {
  test('persistSync() moves a file at once, with its mode, and makes the missing directories', () => {
    const base = tempBase()
    const file = tempManager().file()
    writeFileSync(file.path, 'kept')
    const destination = join(base, 'new/deep/kept.txt')
    expect(file.persistSync(destination, { makeParents: true, mode: 0o644 })).toBe(destination)
    expect([readFileSync(destination, 'utf8'), statSync(destination).mode & 0o777]).toEqual(['kept', 0o644])
    expect([file.disposed, existsSync(file.path)]).toEqual([true, false])
  })

  test('persistSync() refuses an existing destination, keeps the file, and leaves no directory that it made', () => {
    const base = tempBase()
    const file = tempManager().file()
    expect(() => file.persistSync(base, { makeParents: true, overwrite: false })).toThrow(
      expect.objectContaining({ code: 'ERR_TEMP_EXISTS' }),
    )
    writeFileSync(join(base, 'plain'), '')
    expect(() => file.persistSync(join(base, 'plain/x/y'), { makeParents: true })).toThrow(
      expect.objectContaining({ code: 'ERR_TEMP_IO' }),
    )
    expect([file.disposed, existsSync(file.path), readdirSync(base)]).toEqual([false, true, ['plain']])
  })

  test.skipIf(elsewhere === undefined)(
    'persistSync() refuses another device by a typed error, and keeps the file',
    () => {
      const place = elsewhere?.() ?? ''
      const file = tempManager().file()
      writeFileSync(file.path, 'kept')
      const error = failureSync('ERR_TEMP_IO', () => file.persistSync(join(place, 'result')))
      expect(error.message).toMatch(/another (?:device|file system)/)
      expect([file.disposed, readFileSync(file.path, 'utf8'), readdirSync(place)]).toEqual([
        false,
        'kept',
        [],
      ])
    },
  )
})

test.skipIf(process.platform !== 'linux').each(DEVICES)(
  'a directory whose name is not UTF-8 is persisted and adopted with what is in it, to %s',
  async (_, newDirectory) => {
    const named = (directory: string): Buffer =>
      Buffer.concat([Buffer.from(`${directory}/a`), Buffer.of(0xff)])
    const manager = tempManager()
    const dir = manager.dir()
    mkdirSync(named(dir.path))
    writeFileSync(Buffer.concat([named(dir.path), Buffer.from('/in')]), 'x')
    const target = await dir.persist(join(newDirectory(), 'target'))
    expect(readdirSync(named(target))).toEqual(['in'])
    const { path } = await manager.adopt(target)
    expect(readdirSync(named(path))).toEqual(['in'])
  },
)
