// Windows: its rules, put in the place of the system that runs the tests, and what only a Windows system (or Wine) can show.

import fs, {
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  readdirSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { dirname, join } from 'node:path'
import { describe, expect, onTestFinished, test, vi } from 'vitest'
import { findWeakness } from '../../src/disk/base-safety.ts'
import { syncDirectory, syncDirectorySync } from '../../src/disk/sync.ts'
import type { FileSystem, TempFileError } from '../../src/index.ts'
import { askLease, bindLeases } from '../../src/liveness/lease.ts'
import { platform, usePlatform } from '../../src/platform/index.ts'
import { windows } from '../../src/platform/windows.ts'
import { runChild } from '../fixtures/child.ts'
import { namesIn } from '../fixtures/handoff-root.ts'
import { tempBase, tempManager } from '../fixtures/temp-base.ts'

const onWindows = process.platform === 'win32'
/** UV_FS_O_EXLOCK: CreateFile without any sharing, as a virus scanner or an editor opens a file. */
const EXCLUSIVE = 0x10000000 | fs.constants.O_RDWR
const STATUS_CONTROL_C_EXIT = 0xc000013a

const errnoError = (code: string): NodeJS.ErrnoException => Object.assign(new Error(code), { code })

test('a signal on Windows is an event of the console, which every process on it receives', () => {
  for (const signal of windows.endingSignals) expect(windows.comesFromTerminal(signal, undefined)).toBe(true)
})

describe('pipes of leases', () => {
  test("a lease's pipe has the name of the root and the id, also while its session has another name", () => {
    const addressIn = (name: string): string =>
      windows.lease.at({ directory: `C:\\t\\root-me\\sessions\\${name}`, id: '7-abc' }, '', (path) => path)
    expect(addressIn('s-7-abc')).toBe('\\\\.\\pipe\\root-me-7-abc')
    expect(addressIn('.dead-7-abc-x')).toBe(addressIn('s-7-abc'))
  })

  test.each([
    [undefined, 'answers'],
    ['EBUSY', 'answers'], // every instance is taken, so a process holds it
    ['ETIMEDOUT', 'answers'], // and was for the 30 s that libuv waits
    ['ENOENT', 'refuses'],
    ['EPERM', 'silent'],
    ['EACCES', 'silent'],
  ])("a lease's pipe that answers a connection with %s means: %s", (errno, answer) => {
    expect(windows.lease.answerOf(errno)).toBe(answer)
  })

  if (onWindows)
    test("a lease's pipe answers while it is held and refuses afterwards (needs Windows)", async () => {
      const place = {
        directory: join(tempBase(), 'root-me', 'sessions', 's-7-abc'),
        id: `${process.pid}-abc`,
      }
      mkdirSync(place.directory, { recursive: true })
      const [lease] = bindLeases(place)
      expect(await askLease(place, '')).toBe('answers')
      expect(await askLease(place, ''), 'again').toBe('answers')
      lease?.close()
      expect(await askLease(place, '')).toBe('refuses')
      expect(readdirSync(place.directory), 'nothing of it is on the disk').toEqual([])
    })
})

describe('the base directory, where modes show nothing', () => {
  const insideProfile = (): { profile: string; base: string } => {
    const profile = tempBase()
    const base = join(profile, 'AppData', 'Temp')
    mkdirSync(base, { recursive: true })
    onTestFinished(usePlatform({ ...platform(), privateDirectory: () => profile }))
    return { profile, base }
  }

  test("a base directory on Windows is accepted in this user's profile, and the profile itself is", () => {
    const { profile, base } = insideProfile()
    expect(findWeakness(fs, base)).toBeUndefined()
    expect(findWeakness(fs, profile)).toBeUndefined()
  })

  test('a base directory on Windows is refused outside the profile, also beside it under a similar name', () => {
    const { profile } = insideProfile()
    const beside = `${profile}-beside`
    mkdirSync(beside)
    onTestFinished(() => fs.rmdirSync(beside))
    expect(findWeakness(fs, dirname(profile))).toMatchObject({ kind: 'profile' })
    expect(findWeakness(fs, beside)).toMatchObject({ kind: 'profile', path: beside })
    expect(() => tempManager({ baseDir: beside }).file()).toThrow(/outside this user's profile/)
  })

  test.skipIf(onWindows)(
    'a base directory on Windows is refused behind a link (needs the right to make links)',
    () => {
      const { profile, base } = insideProfile()
      const link = join(profile, 'link')
      symlinkSync(dirname(base), link)
      expect(findWeakness(fs, join(link, 'Temp'))).toMatchObject({ kind: 'link', path: link })
    },
  )
})

test('no directory is opened to make its names durable, because NTFS keeps a journal of them', async () => {
  onTestFinished(usePlatform({ ...platform(), syncsDirectories: false }))
  const failing: FileSystem = { ...fs, openSync: () => expect.fail('opened') }
  syncDirectorySync(failing, '/anywhere')
  await syncDirectory(failing, '/anywhere')
})

describe('persist of a directory, where a rename replaces no directory', () => {
  const oneStep = (): void => onTestFinished(usePlatform({ ...platform(), renamesOverDirectories: false }))

  test('persist() of a directory replaces an empty one where a rename replaces no directory', async () => {
    oneStep()
    const dir = tempManager().dir()
    writeFileSync(dir.join('a'), '')
    const destination = join(tempBase(), 'there')
    mkdirSync(destination)
    await dir.persist(destination)
    expect(readdirSync(destination)).toEqual(['a'])
  })

  test('persist() of a directory refuses what exists if overwrite is false where no rename replaces one', async () => {
    oneStep()
    const dir = tempManager().dir()
    const [taken, file] = [join(tempBase(), 'dir'), join(tempBase(), 'file')]
    mkdirSync(taken)
    writeFileSync(file, 'theirs')
    for (const destination of [taken, file])
      await expect(dir.persist(destination, { overwrite: false })).rejects.toMatchObject({
        code: 'ERR_TEMP_EXISTS',
      })
    expect(fs.readFileSync(file, 'utf8')).toBe('theirs')
  })

  test('persist() of a directory leaves the empty destination where the rename fails', async () => {
    oneStep()
    const destination = join(tempBase(), 'there')
    const failing: FileSystem = {
      ...fs,
      native: true,
      renameSync: (from, to) => {
        if (to === destination) throw errnoError('EPERM')
        fs.renameSync(from, to)
      },
    }
    const dir = tempManager({ fs: failing }).dir()
    mkdirSync(destination)
    await expect(dir.persist(destination)).rejects.toMatchObject({ code: 'ERR_TEMP_IO' })
    expect(readdirSync(dirname(destination))).toEqual(['there'])
    expect(existsSync(dir.path)).toBe(true)
  })
})

describe('sessions that cannot be renamed', () => {
  /** Refuses to rename a session while a file is in it, and to unlink `held` while it is set. */
  const busyDisk = (): { disk: FileSystem; hold(path: string | undefined): void } => {
    let held: string | undefined
    onTestFinished(usePlatform({ ...platform(), movesOpenDirectories: false }))
    const refuse = (path: unknown): void => {
      if (held !== undefined && String(path).endsWith(held)) throw errnoError('EBUSY')
    }
    const disk = {
      ...fs,
      native: true,
      renameSync: (from: string, to: string) => {
        if (/[/\\]s-[^/\\]*$/.test(from) && fs.readdirSync(from).some((name) => name.startsWith('tmp-')))
          throw errnoError('EPERM')
        fs.renameSync(from, to)
      },
      unlinkSync: (path: string) => {
        refuse(path)
        fs.unlinkSync(path)
      },
      promises: {
        ...fs.promises,
        unlink: async (path: string) => {
          refuse(path)
          await fs.promises.unlink(path)
        },
      },
    } as unknown as FileSystem // paths are strings in this test
    return { disk, hold: (path) => (held = path) }
  }

  test('close() empties a session whose directory cannot be renamed where it is, then removes it', async () => {
    const { disk } = busyDisk()
    const manager = tempManager({ fs: disk })
    manager.file()
    manager.dir()
    const session = manager.sessionPath ?? ''
    await manager.close()
    expect(existsSync(session)).toBe(false)
  })

  test('a session with an open file keeps only that file, reports it, and goes with the next sweep', async () => {
    const { disk, hold } = busyDisk()
    const reported: TempFileError[] = []
    const manager = tempManager({ fs: disk, onCleanupError: (error) => void reported.push(error) })
    const [held, other] = [manager.file('.held'), manager.file()]
    const record = join(String(manager.sessionPath), 'owner.json')
    await vi.waitFor(() => expect(JSON.parse(fs.readFileSync(record, 'utf8')).lease).toBeDefined())
    hold(held.name)
    await manager.close()
    expect(reported.map(({ code }) => code)).toContain('ERR_TEMP_CLEANUP')
    expect([existsSync(held.path), existsSync(other.path)]).toEqual([true, false])
    const sweeper = tempManager({ baseDir: dirname(manager.root) })
    await sweeper.sweep()
    expect(namesIn(manager.root, 'sessions')).toEqual([])
  })
})

if (onWindows)
  describe('a file that another program has open without sharing (needs Windows)', () => {
    test('a file that another program has open is removed as soon as it closes it (needs Windows)', async () => {
      const file = tempManager().file()
      const descriptor = openSync(file.path, EXCLUSIVE)
      const removed = file.remove()
      setTimeout(() => closeSync(descriptor), 50)
      await removed
      expect(existsSync(file.path)).toBe(false)
    })

    test('a removal that waits in vain for a program fails, and can be called again (needs Windows)', async () => {
      const file = tempManager().file()
      const descriptor = openSync(file.path, EXCLUSIVE)
      await expect(file.remove()).rejects.toMatchObject({ code: 'ERR_TEMP_CLEANUP' })
      closeSync(descriptor)
      await file.remove()
      expect(existsSync(file.path)).toBe(false)
    })

    test('a file that another program has open goes with the sweep after close() (needs Windows)', async () => {
      const manager = tempManager({ onCleanupError: () => {} })
      const [held, other] = [manager.file(), manager.file()]
      const descriptor = openSync(held.path, EXCLUSIVE)
      await manager.close()
      expect(existsSync(other.path)).toBe(false)
      closeSync(descriptor)
      const sweeper = tempManager({ baseDir: dirname(manager.root) })
      await sweeper.sweep()
      expect(namesIn(manager.root, 'sessions')).toEqual([])
    })
  })

if (onWindows)
  test('files, handoffs and removal work below a path of 300 characters (needs Windows)', async () => {
    const baseDir = join(tempBase(), ...Array<string>(12).fill('a-directory-with-25-chars'))
    const manager = tempManager({ baseDir })
    expect(manager.root.length).toBeGreaterThan(260)
    const ticket = await (await manager.receive('data')).handOff()
    const claim = await manager.claim(ticket)
    expect(fs.readFileSync(claim.path, 'utf8')).toBe('data')
    await claim.complete()
    manager.dir()
    await manager.close()
    expect(namesIn(manager.root, 'sessions')).toEqual([])
  })

if (onWindows)
  test.each(['SIGINT', 'SIGBREAK', 'SIGHUP'])(
    '%s, which nothing listens to, leaves no file and the status of Ctrl+C (needs Windows)',
    async (signal) => {
      const base = tempBase()
      const end = await runChild('console-event.mts', { args: [base, signal] })
      const [root = ''] = readdirSync(base)
      expect(namesIn(base, root, 'sessions')).toEqual([])
      expect((end.code ?? 0) >>> 0).toBe(STATUS_CONTROL_C_EXIT)
    },
  )
