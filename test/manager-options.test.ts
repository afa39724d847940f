import { existsSync, readdirSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, relative } from 'node:path'
import { afterEach, describe, expect, test, vi } from 'vitest'
import { TempFileManager, type TempFileManagerOptions } from '../src/index.ts'
import { resolveOptions } from '../src/manager-options.ts'
import { failureSync } from './fixtures/failures.ts'
import { tempBase, USER } from './fixtures/temp-base.ts'

afterEach(() => vi.unstubAllEnvs())

/** Values that a program without types may pass. */
const untyped = (options: unknown): TempFileManagerOptions => options as TempFileManagerOptions

describe('without options', () => {
  test('without options everything has the contract’s default', () => {
    vi.stubEnv('TEMP_FILE_MANAGER_DIR', undefined)
    vi.stubEnv('TEMP_FILE_MANAGER_PRESERVE', undefined)
    expect(resolveOptions()).toMatchObject({
      root: join(tmpdir(), `temp-file-manager-${USER}`),
      prefix: 'tmp-',
      native: true,
      limits: {},
      handoffTtl: 7 * 86_400_000,
      sweepOnStart: true,
      sweepEvery: 600_000,
      sharedVolume: undefined,
      signals: true,
      preserve: false,
      onCleanupError: 'warn',
    })
  })

  test('an option that is there but undefined is as if it were not', () => {
    const names = ['name', 'prefix', 'baseDir', 'fs', 'limits', 'handoff', 'sweep', 'sharedVolume']
    const all = [...names, 'signals', 'preserve', 'onCleanupError']
    const absent = untyped(Object.fromEntries(all.map((name) => [name, undefined])))
    expect(resolveOptions(absent)).toEqual(resolveOptions())
  })

  test('an empty TEMP_FILE_MANAGER_DIR counts as unset', () => {
    vi.stubEnv('TEMP_FILE_MANAGER_DIR', undefined)
    const { root } = resolveOptions()
    vi.stubEnv('TEMP_FILE_MANAGER_DIR', '')
    expect(resolveOptions().root).toBe(root)
  })

  test('TEMP_FILE_MANAGER_DIR is the base directory, and baseDir goes before it', () => {
    vi.stubEnv('TEMP_FILE_MANAGER_DIR', '/from/the/environment')
    expect(resolveOptions().root).toMatch(/^\/from\/the\/environment\/temp-file-manager-\d+$/)
    expect(resolveOptions({ baseDir: '/from/an/option' }).root).toMatch(/^\/from\/an\/option\//)
  })

  test('TEMP_FILE_MANAGER_PRESERVE=1 keeps, and an explicit preserve: false goes before it', () => {
    vi.stubEnv('TEMP_FILE_MANAGER_PRESERVE', '1')
    expect(resolveOptions().preserve).toBe(true)
    expect(resolveOptions({ preserve: false }).preserve).toBe(false)
  })
})

test('a relative base directory is resolved from the program working directory when the manager is created', () => {
  const base = tempBase()
  const manager = new TempFileManager({ baseDir: relative(process.cwd(), base) })
  expect(manager.root).toBe(join(base, `temp-file-manager-${USER}`))
})

test('units are resolved', () => {
  const settings = resolveOptions({
    limits: { fileBytes: '1mb', totalBytes: '1gb', liveEntries: 5, minFreeBytes: 0 },
    handoff: { ttl: '1h' },
    sweep: { onStart: false, every: false },
    sharedVolume: true,
  })
  expect(settings).toMatchObject({
    limits: { fileBytes: 2 ** 20, totalBytes: 2 ** 30, liveEntries: 5, minFreeBytes: 0 },
    handoffTtl: 3_600_000,
    sweepOnStart: false,
    sweepEvery: undefined,
    sharedVolume: { heartbeat: 15_000, staleAfter: 86_400_000 },
  })
})

describe('before anything is made', () => {
  test.each([
    ['options that are not an object', 5],
    ['options null', null],
    ['an empty base directory', { baseDir: '' }],
    ['a base directory with a NUL', { baseDir: '/tmp/\0' }],
    ['a base directory that is a number', { baseDir: 5 }],
    ['limits that are not an object', { limits: '5gb' }],
    ['a size that is half understood', { limits: { fileBytes: '500MiB' } }],
    ['a negative total', { limits: { totalBytes: -1 } }],
    ['a count of entries with a fraction', { limits: { liveEntries: 1.5 } }],
    ['a negative count of entries', { limits: { liveEntries: -1 } }],
    ['a count of entries in words', { limits: { liveEntries: 'five' } }],
    ['a minimum of free space without a unit', { limits: { minFreeBytes: '5' } }],
    ['a time to live in words', { handoff: { ttl: 'a week' } }],
    ['a handoff that is not an object', { handoff: '7d' }],
    ['a sweep twice a second', { sweep: { every: 500 } }],
    ['a sweep every month, longer than a timer can wait', { sweep: { every: '30d' } }],
    ['sweep.every true', { sweep: { every: true } }],
    ['sweep.onStart in words', { sweep: { onStart: 'yes' } }],
    ['sweep that is not an object', { sweep: false }],
    ['a shared volume in words', { sharedVolume: 'false' }],
    ['a shared volume null', { sharedVolume: null }],
    ['a heartbeat of an hour', { sharedVolume: { heartbeat: '1h' } }],
    ['a stale age under an hour', { sharedVolume: { staleAfter: '59m' } }],
    ['signals in words', { signals: 'no' }],
    ['keep as a number', { keep: 1 }],
    ['an unknown policy', { onCleanupError: 'ignore' }],
    ['a file system that is none', { fs: {} }],
    ['a file system null', { fs: null }],
  ])('%s is refused', (_what, options) => {
    failureSync('ERR_TEMP_OPTION_INVALID', () => new TempFileManager(untyped(options)))
  })

  test.each([
    ['sweep.every', { sweep: { every: true } }, 'sweep.every can be false, but not true.'],
    ['sharedVolume', { sharedVolume: 'x' }, 'sharedVolume must be true, false or an object, not string.'],
  ])('the refusal of a wrong %s names the boolean that is accepted', (_, options, message) => {
    expect(failureSync('ERR_TEMP_OPTION_INVALID', () => new TempFileManager(untyped(options))).message).toBe(
      message,
    )
  })

  test.each([
    ['name', '../elsewhere'],
    ['name', ''],
    ['name', 'n'.repeat(256)],
    ['name', 'a\0'],
    ['name', null],
    ['prefix', null],
    ['prefix', 'a/'],
    ['prefix', '\u202e'],
    ['prefix', 5],
    ['prefix', 'p'.repeat(250)],
  ])('a hostile %s (%j) is refused', (option, value) => {
    const base = tempBase()
    failureSync(
      'ERR_TEMP_NAME_INVALID',
      () => new TempFileManager(untyped({ baseDir: base, [option]: value })),
    )
    expect(readdirSync(base)).toEqual([])
  })

  test('a name whose root would be too long for a file system is refused', () => {
    failureSync('ERR_TEMP_NAME_INVALID', () => new TempFileManager({ name: 'n'.repeat(255) }))
  })
})

describe('options of a file', () => {
  test.each([
    ['a suffix with a path', '/../../x', 'ERR_TEMP_NAME_INVALID'],
    ['a suffix with a newline', '.a\nb', 'ERR_TEMP_NAME_INVALID'],
    ['a name that is a path', { name: 'a/b' }, 'ERR_TEMP_NAME_INVALID'],
    ['an empty name', { name: '' }, 'ERR_TEMP_NAME_INVALID'],
    [
      'a prefix and a suffix too long together',
      { prefix: 'p'.repeat(120), suffix: 's'.repeat(120) },
      'ERR_TEMP_NAME_INVALID',
    ],
    ['a name and a suffix', { name: 'a', suffix: '.b' }, 'ERR_TEMP_OPTION_INVALID'],
    ['a mode beyond the permission bits', { mode: 0o4755 }, 'ERR_TEMP_OPTION_INVALID'],
    ['a mode in words', { mode: '600' }, 'ERR_TEMP_OPTION_INVALID'],
    ['a number', 5, 'ERR_TEMP_OPTION_INVALID'],
    ['a function', () => {}, 'ERR_TEMP_OPTION_INVALID'],
  ] as const)(
    '%s is refused by file, dir and their async forms, and nothing is made',
    async (_what, given, code) => {
      const base = tempBase()
      const manager = new TempFileManager({ baseDir: base })
      const options = given as string // what a program without types may pass
      failureSync(code, () => manager.file(options))
      failureSync(code, () => manager.dir(options))
      await expect(manager.fileAsync(options)).rejects.toMatchObject({ code })
      await expect(manager.dirAsync(options)).rejects.toMatchObject({ code })
      expect(readdirSync(base)).toEqual([])
      expect(manager.stats()).toMatchObject({ entries: 0, filesCreated: 0, directoriesCreated: 0 })
      await manager.close()
    },
  )
})

test('making a manager makes nothing on the disk', () => {
  const base = tempBase()
  const manager = new TempFileManager({ baseDir: join(base, 'later') })
  expect(manager.sessionPath).toBeUndefined()
  expect(manager.stats().entries).toBe(0)
  manager.closeSync()
  expect(existsSync(join(base, 'later'))).toBe(false)
})
