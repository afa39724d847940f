import { execFileSync } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdirSync, readdirSync, rmSync, unlinkSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { describe, expect, onTestFinished, test, vi } from 'vitest'
import type { TempFileError } from '../../src/errors.ts'
import type { TempDir, TempFile } from '../../src/index.ts'
import { failure, failureSync } from '../fixtures/failures.ts'
import { idOf } from '../fixtures/handoff-root.ts'
import { canFreeze, freeze } from '../fixtures/immutable.ts'
import { openOn } from '../fixtures/open-files.ts'
import { suspected } from '../fixtures/suspected.ts'
import { tempManager } from '../fixtures/temp-base.ts'

describe.each(['file', 'dir'] as const)('a %s', (kind) => {
  const make = (manager: ReturnType<typeof tempManager>, content = true): TempFile | TempDir => {
    const entry = manager[kind]()
    if (content && entry.kind === 'dir') writeFileSync(entry.join('inside'), 'x')
    return entry
  }

  test('an entry is removed at the end of a using block, on return and on throw', () => {
    const manager = tempManager()
    const paths: string[] = []
    const work = (fail: boolean): void => {
      using entry = make(manager)
      paths.push(entry.path)
      if (fail) throw new Error('mine')
    }
    work(false)
    expect(() => work(true)).toThrow('mine')
    expect(paths.map((path) => existsSync(path))).toEqual([false, false])
  })

  test('an entry is removed at the end of an await using block, on return and on throw', async () => {
    const manager = tempManager()
    const paths: string[] = []
    const work = async (fail: boolean): Promise<void> => {
      await using entry = make(manager)
      paths.push(entry.path)
      if (fail) throw new Error('mine')
    }
    await work(false)
    await expect(work(true)).rejects.toThrow('mine')
    expect(paths.map((path) => existsSync(path))).toEqual([false, false])
  })

  test('an entry may be disposed twice, in every way, and concurrently; it is counted once', async () => {
    const manager = tempManager()
    const entry = make(manager)
    await Promise.all([
      entry.remove(),
      entry.remove(),
      entry[Symbol.asyncDispose](),
      entry[Symbol.asyncDispose](),
    ])
    entry.removeSync()
    entry[Symbol.dispose]()
    await entry.remove()
    expect(existsSync(entry.path)).toBe(false)
    expect(entry.disposed).toBe(true)
    expect(manager.stats()).toMatchObject({ entries: 0, removed: 1, cleanupErrors: 0 })
  })

  test('an entry may be disposed synchronously while an asynchronous disposal runs', async () => {
    const manager = tempManager()
    const entry = make(manager)
    const running = entry[Symbol.asyncDispose]()
    entry[Symbol.dispose]()
    await running
    expect(manager.stats()).toMatchObject({ entries: 0, removed: 1, cleanupErrors: 0 })
  })

  test.each(['dispose', 'asyncDispose', 'remove', 'removeSync'] as const)(
    'an entry that another program removed can be ended by %s without an error',
    async (way) => {
      const manager = tempManager({ onCleanupError: 'throw' })
      const entry = make(manager)
      rmSync(entry.path, { recursive: true })
      if (way === 'dispose') entry[Symbol.dispose]()
      else if (way === 'asyncDispose') await entry[Symbol.asyncDispose]()
      else await entry[way]()
      expect(entry.disposed).toBe(true)
      expect(manager.stats()).toMatchObject({ entries: 0, cleanupErrors: 0 })
    },
  )

  describe.skipIf(!canFreeze)('failed removals', () => {
    const stuck = (
      manager: ReturnType<typeof tempManager>,
    ): { entry: TempFile | TempDir; thaw: () => void } => {
      const entry = make(manager)
      return { entry, thaw: freeze(entry.kind === 'dir' ? entry.join('inside') : entry.path) }
    }

    test('a failed removal of an entry causes a warning, and close() repeats it', async () => {
      const manager = tempManager()
      const warned = vi.fn<(warning: Error) => void>()
      process.on('warning', warned)
      onTestFinished(() => void process.off('warning', warned))
      const { entry, thaw } = stuck(manager)
      const warning = once(process, 'warning')
      entry[Symbol.dispose]()
      await warning
      expect(warned.mock.calls[0]?.[0]).toMatchObject({ code: 'ERR_TEMP_CLEANUP' })
      expect(entry.disposed).toBe(false)
      expect(existsSync(entry.path)).toBe(true)
      expect(manager.stats()).toMatchObject({ entries: 1, cleanupErrors: 1 })
      thaw()
      await manager.close()
      expect(existsSync(entry.path)).toBe(false)
    })

    test('a failed removal of an entry is repeated by the sweeps of its manager, and is reported once', async () => {
      const seenErrors: TempFileError[] = []
      const manager = tempManager({ onCleanupError: (error) => void seenErrors.push(error) })
      const { entry, thaw } = stuck(manager)
      entry[Symbol.dispose]()
      await manager.sweep()
      expect(existsSync(entry.path)).toBe(true)
      expect(seenErrors.map((error) => error.path)).toEqual([entry.path])
      thaw()
      await manager.sweep({ dryRun: true })
      expect(existsSync(entry.path)).toBe(true)
      await manager.sweep()
      expect([existsSync(entry.path), entry.disposed]).toEqual([false, true])
      expect(manager.stats()).toMatchObject({ entries: 0, removed: 1, cleanupErrors: 1 })
    })

    test('a failed removal is reported to onCleanupError with the path, and can be repeated', () => {
      const seenErrors: TempFileError[] = []
      const manager = tempManager({ onCleanupError: (error) => void seenErrors.push(error) })
      const { entry, thaw } = stuck(manager)
      entry[Symbol.dispose]()
      expect(seenErrors).toMatchObject([{ code: 'ERR_TEMP_CLEANUP', status: 500, path: entry.path }])
      expect(entry.disposed).toBe(false)
      thaw()
      entry[Symbol.dispose]()
      expect(existsSync(entry.path)).toBe(false)
      expect(manager.stats()).toMatchObject({ entries: 0, removed: 1, cleanupErrors: 1 })
    })

    test('a failed removal throws at the end of the block with onCleanupError: throw', () => {
      const manager = tempManager({ onCleanupError: 'throw' })
      const { entry, thaw } = stuck(manager)
      failureSync('ERR_TEMP_CLEANUP', () => entry[Symbol.dispose]())
      thaw()
      entry[Symbol.dispose]()
      expect(existsSync(entry.path)).toBe(false)
    })

    test('removeSync() that fails throws under a policy that ignores errors, and can be called again', () => {
      const manager = tempManager({ onCleanupError: () => {} })
      const { entry, thaw } = stuck(manager)
      const error = failureSync('ERR_TEMP_CLEANUP', () => entry.removeSync())
      expect(error.cause).toMatchObject({ code: 'EPERM' })
      thaw()
      entry.removeSync()
      expect(existsSync(entry.path)).toBe(false)
    })
  })
})

test.skipIf(!canFreeze)(
  'an entry that cannot be removed asynchronously is reported, thrown and retried in the same way',
  async () => {
    const seenErrors: TempFileError[] = []
    const calm = tempManager({ onCleanupError: (error) => void seenErrors.push(error) })
    const strict = tempManager({ onCleanupError: 'throw' })
    const files = [calm.file(), strict.file(), calm.file(), calm.dir()] as const
    const [reported, thrown, removed, full] = files
    writeFileSync(full.join('inside'), 'x')
    const thaws = [reported.path, thrown.path, removed.path, full.join('inside')].map((path) => freeze(path))
    await Promise.all([
      reported[Symbol.asyncDispose](),
      failure('ERR_TEMP_CLEANUP', () => thrown[Symbol.asyncDispose]()),
      failure('ERR_TEMP_CLEANUP', () => removed.remove()),
      failure('ERR_TEMP_CLEANUP', () => full.remove()),
    ])
    expect(seenErrors.map((error) => error.path)).toEqual([reported.path])
    expect(files.map((file) => file.disposed)).toEqual([false, false, false, false])
    for (const thaw of thaws) thaw()
    await Promise.all(files.map((file) => file.remove()))
    expect(files.map((file) => existsSync(file.path))).toEqual([false, false, false, false])
  },
)

test.skipIf(!canFreeze)('a cleanup policy that throws causes a warning and nothing else', async () => {
  const manager = tempManager({
    onCleanupError: () => {
      throw new Error('the policy fails')
    },
  })
  const file = manager.file()
  const thaw = freeze(file.path)
  const warning = once(process, 'warning')
  file[Symbol.dispose]()
  expect((await warning)[0]).toMatchObject({ message: 'the policy fails' })
  thaw()
})

test.skipIf(!canFreeze)(
  'a session that cannot be removed at close is reported, and close resolves',
  async () => {
    const seenErrors: TempFileError[] = []
    const manager = tempManager({ onCleanupError: (error) => void seenErrors.push(error) })
    const [bad, good] = [manager.file(), manager.file()]
    const sessions = `${manager.root}/sessions`
    const id = idOf(manager.sessionPath ?? '')
    const thaw = freeze(bad.path)
    await manager.close()
    expect(seenErrors).toMatchObject([{ code: 'ERR_TEMP_CLEANUP' }])
    const [gone = ''] = readdirSync(sessions)
    expect(gone).toMatch(new RegExp(`^\\.gone-${id}-`))
    expect(readdirSync(`${sessions}/${gone}`), 'all the rest is removed').toEqual([bad.name])
    expect(existsSync(good.path)).toBe(false)
    thaw()
    const next = tempManager({ baseDir: dirname(manager.root) })
    await next.sweep()
    expect(readdirSync(sessions), 'the next sweep finishes it').toEqual([])
  },
)

test.skipIf(!canFreeze)(
  'a directory with a mount point inside is kept and reported, and the mounted files are untouched',
  async () => {
    const manager = tempManager()
    const dir = manager.dir()
    mkdirSync(dir.join('mounted'))
    writeFileSync(dir.join('other'), 'x')
    execFileSync('mount', ['-t', 'tmpfs', 'tmpfs', dir.join('mounted')])
    let mounted = true
    const unmount = (): void => {
      if (mounted) execFileSync('umount', [dir.join('mounted')])
      mounted = false
    }
    onTestFinished(unmount)
    writeFileSync(dir.join('mounted', 'precious'), 'x')
    await failure('ERR_TEMP_CLEANUP', () => dir.remove())
    failureSync('ERR_TEMP_CLEANUP', () => dir.removeSync())
    expect(readdirSync(dir.join('mounted'))).toEqual(['precious'])
    unmount()
    await dir.remove()
    expect(existsSync(dir.path)).toBe(false)
  },
)

describe('open streams and handles', () => {
  test('an open stream, handle or write is closed before the file is removed', async () => {
    const manager = tempManager()
    const file = manager.file()
    writeFileSync(file.path, 'x'.repeat(1_000_000))
    const reader = file.createReadStream()
    const writer = file.createWriteStream({ flags: 'a' })
    const opened = [once(reader, 'open'), once(writer, 'open')] // before anything is awaited: each comes once
    const handle = await file.open()
    writer.write('more')
    await Promise.all(opened)
    const write = failure('ERR_TEMP_ABORTED', () => file.write(neverEnding()))
    await vi.waitFor(() => expect(manager.stats().bytes).toBeGreaterThan(0))
    expect(openOn(file.path).length).toBeGreaterThanOrEqual(3)
    await file.remove()
    expect(openOn(file.path)).toEqual([])
    expect([reader.destroyed, writer.destroyed, handle.fd]).toEqual([true, true, -1])
    await write
    expect(manager.stats()).toMatchObject({ entries: 0, bytes: 0 })
  })

  test('an open stream or handle is closed soon after the end of a using block', async () => {
    const manager = tempManager()
    const file = manager.file()
    const reader = file.createReadStream()
    const handle = await file.open()
    file[Symbol.dispose]()
    expect(existsSync(file.path)).toBe(false)
    await vi.waitFor(() => expect([reader.closed, handle.fd]).toEqual([true, -1]))
  })

  test('an open stream or handle is closed by the manager’s close', async () => {
    const manager = tempManager()
    const file = manager.file()
    const reader = file.createReadStream()
    const handle = await file.open()
    const base = manager.root
    await manager.close()
    expect([reader.destroyed, handle.fd]).toEqual([true, -1])
    expect(openOn(base)).toEqual([])
  })

  test('a handle that is being opened while the file is removed is closed', async () => {
    const manager = tempManager()
    const file = manager.file()
    await Promise.all([failure('ERR_TEMP_REMOVED', () => file.open()), file.remove()])
    expect(openOn(file.path)).toEqual([])
  })

  test('a stream or handle that its user closed does not hinder the removal of the file', async () => {
    const manager = tempManager()
    const file = manager.file()
    const handle = await file.open()
    await handle.close()
    const reader = file.createReadStream().resume()
    await once(reader, 'close')
    await file.remove()
    expect(file.disposed).toBe(true)
  })

  test('a read stream of a file that another program removed does not crash the program', async () => {
    const manager = tempManager()
    const file = manager.file()
    unlinkSync(file.path)
    file.createReadStream()
    await file.remove()
    expect(file.disposed).toBe(true)
  })
})

async function* neverEnding(): AsyncGenerator<string> {
  for (;;) {
    yield 'x'.repeat(100_000)
    await new Promise((resolve) => setImmediate(resolve))
  }
}

describe('entries of suspected sessions', () => {
  test.each(['file', 'dir'] as const)(
    'a %s in a session with a tombstone’s name is found and removed',
    async (kind) => {
      for (const remove of ['remove', 'removeSync', Symbol.dispose, Symbol.asyncDispose] as const) {
        const entry = suspected(kind)
        await entry[remove]()
        expect([entry.disposed, existsSync(dirname(entry.path)), existsSync(entry.path)]).toEqual([
          true,
          true,
          false,
        ])
      }
    },
  )
})
