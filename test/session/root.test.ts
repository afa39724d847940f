import { once } from 'node:events'
import nodeFs, {
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  readdirSync,
  realpathSync,
  renameSync,
  rmdirSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { describe, expect, onTestFinished, test, vi } from 'vitest'
import type { FileSystem } from '../../src/disk/file-system.ts'
import type { TempFileManager } from '../../src/index.ts'
import { runChild } from '../fixtures/child.ts'
import { craftSession, REUSED_PID } from '../fixtures/crafted-session.ts'
import { failure, failureSync } from '../fixtures/failures.ts'
import { canMount, mount } from '../fixtures/mounts.ts'
import { tempBase, tempManager, USER } from '../fixtures/temp-base.ts'

const uid = process.geteuid?.()
const rootIn = (base: string): string => join(base, `temp-file-manager-${USER}`)
const modeOf = (path: string): number => statSync(path).mode & 0o7777

test('a root that was made again is made durable again', async () => {
  const base = tempBase()
  const synced: string[] = []
  const fs: FileSystem = {
    ...nodeFs,
    native: true,
    open: (path, flags, mode, callback) => {
      if (path === rootIn(base)) synced.push(path)
      nodeFs.open(path, flags, mode, callback)
    },
  }
  for (let session = 0; session < 2; session++) {
    const manager = tempManager({ baseDir: base, fs })
    await manager.file().handOff()
    await manager.close()
    rmSync(rootIn(base), { recursive: true })
  }
  expect(synced).toEqual([rootIn(base), rootIn(base)])
})

describe('planted roots', () => {
  test('a root that is a symbolic link, even to a directory of our own, is refused', async () => {
    const base = tempBase()
    mkdirSync(join(base, 'target'), { mode: 0o700 })
    symlinkSync('target', rootIn(base))
    const manager = tempManager({ baseDir: base })
    const error = failureSync('ERR_TEMP_UNSAFE_ROOT', () => manager.file())
    expect(error).toMatchObject({ status: 500, path: rootIn(base) })
    await failure('ERR_TEMP_UNSAFE_ROOT', () => manager.receive('x'))
    await failure('ERR_TEMP_UNSAFE_ROOT', () => manager.sweep())
    expect(readdirSync(join(base, 'target'))).toEqual([])
  })

  test('a root that is a dangling link is refused', () => {
    const base = tempBase()
    symlinkSync('nowhere', rootIn(base))
    failureSync('ERR_TEMP_UNSAFE_ROOT', () => tempManager({ baseDir: base }).file())
    expect(existsSync(join(base, 'nowhere'))).toBe(false)
  })

  test('a root that is a file is refused', () => {
    const base = tempBase()
    writeFileSync(rootIn(base), '')
    failureSync('ERR_TEMP_UNSAFE_ROOT', () => tempManager({ baseDir: base }).file())
  })

  test.skipIf(uid !== 0)(
    'a root that is another user’s directory is refused, and nothing is created in it',
    () => {
      const base = tempBase()
      mkdirSync(rootIn(base), { mode: 0o700 })
      chownSync(rootIn(base), 65534, 65534)
      failureSync('ERR_TEMP_UNSAFE_ROOT', () => tempManager({ baseDir: base }).file())
      expect(readdirSync(rootIn(base))).toEqual([])
    },
  )

  test('a root with a room in it that is a link is refused', () => {
    const base = tempBase()
    mkdirSync(rootIn(base), { mode: 0o700 })
    mkdirSync(join(base, 'elsewhere'))
    symlinkSync(join(base, 'elsewhere'), join(rootIn(base), 'sessions'))
    failureSync('ERR_TEMP_UNSAFE_ROOT', () => tempManager({ baseDir: base }).file())
    expect(readdirSync(join(base, 'elsewhere'))).toEqual([])
  })

  test('a base directory in which everybody may rename is refused without the sticky bit', () => {
    const base = tempBase()
    chmodSync(base, 0o777)
    failureSync('ERR_TEMP_UNSAFE_ROOT', () => tempManager({ baseDir: base }).file())
    expect(readdirSync(base)).toEqual([])
    chmodSync(base, 0o1777)
    expect(existsSync(tempManager({ baseDir: base }).file().path), 'the sticky bit mends it').toBe(true)
  })

  test('a base directory that is a file is refused', () => {
    const base = join(tempBase(), 'file')
    writeFileSync(base, '')
    failureSync('ERR_TEMP_UNSAFE_ROOT', () => tempManager({ baseDir: base }).file())
  })
})

test('a base directory may be a link; the root is at its real path', () => {
  const base = tempBase()
  mkdirSync(join(base, 'real'))
  symlinkSync('real', join(base, 'link'))
  const manager = tempManager({ baseDir: join(base, 'link') })
  expect(manager.root).toBe(rootIn(realpathSync(join(base, 'real'))))
})

test.each([0o750, 0o777, 0o2770])(
  'a root of our own that is too open (%o) is mended, with one warning',
  async (mode) => {
    const base = tempBase()
    mkdirSync(rootIn(base))
    chmodSync(rootIn(base), mode)
    const warned = vi.fn()
    process.on('warning', warned)
    onTestFinished(() => void process.off('warning', warned))
    const warning = once(process, 'warning')
    const [one, two] = [tempManager({ baseDir: base }), tempManager({ baseDir: base })]
    one.file()
    await warning
    two.file()
    await new Promise((resolve) => setImmediate(resolve))
    expect(modeOf(rootIn(base)) & 0o777).toBe(0o700)
    expect(warned).toHaveBeenCalledTimes(1)
    expect(warned.mock.calls[0]?.[0]).toMatchObject({ name: 'TempFileManagerWarning', detail: rootIn(base) })
  },
)

describe('cleaners of empty directories', () => {
  /** As find ROOT -type d -empty -delete. */
  function removeEmpty(directory: string): void {
    for (const entry of readdirSync(directory, { withFileTypes: true }))
      if (entry.isDirectory()) removeEmpty(join(directory, entry.name))
    if (readdirSync(directory).length === 0) rmdirSync(directory)
  }

  function twoManagers(): [TempFileManager, TempFileManager] {
    const baseDir = tempBase()
    const managers: [TempFileManager, TempFileManager] = [tempManager({ baseDir }), tempManager({ baseDir })]
    for (const manager of managers) manager.file()
    return managers
  }

  test('a cleaner of empty directories does not stop a manager from handing off', async () => {
    const [manager, other] = twoManagers()
    const file = await manager.receive('report')
    removeEmpty(manager.root)
    const ticket = await file.handOff()
    expect((await other.claim(ticket)).attempt).toBe(1)
    if (process.platform !== 'win32') expect(modeOf(join(manager.root, 'handoffs'))).toBe(0o700) // where modes are
  })

  test.each(['claim', 'discard', 'retry'] as const)(
    'a cleaner of empty directories does not stop %s() of a manager',
    async (call) => {
      const [manager, other] = twoManagers()
      const ticket = await (await other.receive('job')).handOff()
      removeEmpty(manager.root)
      await manager[call](ticket)
      expect(manager.stats().sessionsLost).toBe(0)
    },
  )

  test('a cleaner of empty directories does not keep a claim from going back', async () => {
    const [manager, other] = twoManagers()
    const claim = await manager.claim(await (await other.receive('job')).handOff())
    removeEmpty(manager.root)
    await claim.release()
    expect((await other.claim(claim.ticket)).attempt).toBe(2)
  })

  test('a cleaner of empty directories does not keep the claim of a dead session from going back', async () => {
    const [manager, other] = twoManagers()
    const { ticket } = await manager.claim(await (await other.receive('job')).handOff())
    const dead = craftSession(manager.root, { owner: REUSED_PID })
    renameSync(join(String(manager.sessionPath), 'claims', ticket), join(dead.path, 'claims', ticket))
    removeEmpty(manager.root)
    expect((await other.sweep()).claimsGivenBack).toEqual([ticket])
    expect((await other.claim(ticket)).attempt).toBe(2)
  })

  test('a cleaner of empty directories does not stop an upload from going on', async () => {
    const [manager, other] = twoManagers()
    const upload = await manager.createUpload()
    removeEmpty(manager.root)
    await upload.append('half')
    await upload.release()
    removeEmpty(manager.root)
    await using again = await other.openUpload(upload.id)
    expect(again.offset).toBe(4)
  })
})

test('a root is made with its parents, private', () => {
  const base = join(tempBase(), 'a', 'b', 'c')
  const manager = tempManager({ baseDir: base })
  manager.file()
  for (const path of [base, manager.root, join(manager.root, 'sessions'), join(manager.root, 'handoffs')])
    expect(modeOf(path)).toBe(0o700)
})

describe.skipIf(!canMount)('roots that a mount splits (needs root on Linux)', () => {
  const rooms = (base: string): string[] => {
    const paths = ['sessions', 'handoffs'].map((room) => join(rootIn(base), room))
    for (const path of [rootIn(base), ...paths]) mkdirSync(path, { mode: 0o700 })
    return paths
  }
  const refusedTwice = (base: string): void => {
    for (let time = 0; time < 2; time++)
      expect(
        failureSync('ERR_TEMP_UNSAFE_ROOT', () => tempManager({ baseDir: base }).file()).message,
      ).toMatch(/split by a mount/)
  }

  test('a root whose handoffs/ is a bind mount is refused by each program, not by the first one only', () => {
    const base = tempBase()
    const [sessions = '', handoffs = ''] = rooms(base)
    rmdirSync(sessions)
    mount('--bind', tempBase(), handoffs)
    refusedTwice(base)
  })

  test('a root is refused whose directories exist, one of them on another file system', () => {
    const base = tempBase()
    const [, handoffs = ''] = rooms(base)
    mount('-t', 'tmpfs', '-o', 'mode=700', 'none', handoffs)
    refusedTwice(base)
  })

  test.each([
    ['sessions/ and handoffs/ are bind mounts', ['sessions', 'handoffs']],
    ['sessions/ is a bind mount', ['sessions']],
    ['handoffs/ is a bind mount', ['handoffs']],
    ['uploads/ is a bind mount', ['uploads']],
  ])('a root is refused whose directories exist on one file system, where %s', (_, mounted) => {
    const base = tempBase()
    rooms(base)
    mkdirSync(join(rootIn(base), 'uploads'), { mode: 0o700 })
    for (const room of mounted) mount('--bind', tempBase(), join(rootIn(base), room))
    refusedTwice(base)
  })
})

test('a refused root works once it is put right', () => {
  const base = tempBase()
  symlinkSync('nowhere', rootIn(base))
  const manager = tempManager({ baseDir: base })
  const listeners = process.listenerCount('exit')
  failureSync('ERR_TEMP_UNSAFE_ROOT', () => manager.file())
  expect(process.listenerCount('exit'), 'no listener for a manager without a session').toBe(listeners)
  const { unlinkSync } = process.getBuiltinModule('node:fs')
  unlinkSync(rootIn(base))
  expect(existsSync(manager.file().path)).toBe(true)
})

test.skipIf(uid !== 0).each(['0777', '0277', '0000'])(
  'a user without privileges can work under umask %s, in a base directory that is made for it',
  async (mask) => {
    const base = tempBase()
    chmodSync(base, 0o1777)
    const parent = join(base, '..')
    const before = modeOf(parent)
    chmodSync(parent, 0o755) // the suite's own directory is private
    onTestFinished(() => chmodSync(parent, before))
    const ended = await runChild('unprivileged.mts', { args: [join(base, 'made', 'for'), mask] })
    expect(ended.stderr).toBe('')
    expect(ended).toMatchObject({ code: 0, stdout: 'all of it worked\n' })
    const sessions = join(base, 'made', 'for', 'temp-file-manager-65534', 'sessions')
    expect(readdirSync(sessions)).toEqual([])
    rmdirSync(sessions)
  },
)
