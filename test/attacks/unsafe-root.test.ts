// The root and its base under attack by others who may write beside it. Guarantee: a root that another user planted
// or could swap is refused; what is swapped under a live manager is noticed; nothing is deleted outside.
// CVE-2025-54798: tmp followed a symlink in `dir` out of the temporary directory.

import { once } from 'node:events'
import {
  chmodSync,
  chownSync,
  constants,
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmdirSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { text } from 'node:stream/consumers'
import { pipeline } from 'node:stream/promises'
import { describe, expect, test, vi } from 'vitest'
import { fileResponse, putFile } from '../../src/http/index.ts'
import type { TempFile, TempFileManager } from '../../src/index.ts'
import { ROOMS } from '../../src/layout.ts'
import { craftSession, REUSED_PID } from '../fixtures/crafted-session.ts'
import { failure, failureSync } from '../fixtures/failures.ts'
import { digestsOf } from '../fixtures/handoff-root.ts'
import { tempBase, tempManager } from '../fixtures/temp-base.ts'
import { DEVICES } from '../temps/devices.ts'

const isRoot = process.geteuid?.() === 0

function rootIn(base: string): string {
  return tempManager({ baseDir: base }).root
}

/** A root with one entry in each room that a sweep removes: in tmp/ are links, which end with their session. Returns its path. */
async function removableRoot(): Promise<string> {
  const manager = tempManager({ preserve: 'on-error' })
  manager.dir().env({ short: true })
  await expect(
    manager.withFile(() => {
      throw new Error('keep it')
    }),
  ).rejects.toThrow('keep it')
  await (await manager.receive('expired')).handOff({ ttl: 0 })
  {
    await using upload = await manager.createUpload({ ttl: 1 })
    await upload.append('expired')
  }
  await manager.close()
  craftSession(manager.root, { owner: REUSED_PID, files: { precious: 'x' } })
  await vi.waitFor(async () => {
    const { items } = await tempManager({ baseDir: dirname(manager.root) }).sweep({
      dryRun: true,
      kept: true,
    })
    expect(items.filter(({ action }) => action === 'would-remove')).toHaveLength(ROOMS.length - 1)
  })
  return manager.root
}

/** The operations that a program may do first in a root. */
const FIRST_CALLS: Readonly<Record<string, (manager: TempFileManager) => unknown>> = {
  file: (manager) => manager.file(),
  sweep: (manager) => manager.sweep({ kept: true }),
  'a dry run': (manager) => manager.sweep({ dryRun: true, kept: true }),
  handoffs: (manager) => manager.handoffs(),
  inspect: (manager) => manager.inspect('0'.repeat(26)),
  claim: (manager) => manager.claim('0'.repeat(26)),
  uploads: (manager) => manager.uploads(),
  createUpload: (manager) => manager.createUpload(),
  usage: (manager) => manager.usage(),
}

describe('CVE-2025-54798', () => {
  test('a symlink in the place of the root is refused, and its target is untouched', async () => {
    const [base, victim] = [tempBase(), tempBase()]
    writeFileSync(join(victim, 'precious'), 'x')
    const root = rootIn(base)
    symlinkSync(victim, root)
    const manager = tempManager({ baseDir: base })
    failureSync('ERR_TEMP_UNSAFE_ROOT', () => manager.file())
    await failure('ERR_TEMP_UNSAFE_ROOT', () => manager.sweep())
    await failure('ERR_TEMP_UNSAFE_ROOT', () => manager.handoffs())
    await failure('ERR_TEMP_UNSAFE_ROOT', () => manager.usage())
    expect(readdirSync(victim)).toEqual(['precious'])
  })

  describe.each(ROOMS)('%s/', (room) => {
    test.each(Object.entries(FIRST_CALLS))(
      `a symlink in the place of ${room}/ is refused by %s, and what is behind it stays`,
      async (_, call) => {
        const victim = await removableRoot()
        const base = tempBase()
        const root = rootIn(base)
        mkdirSync(root, { mode: 0o700 })
        symlinkSync(join(victim, room), join(root, room))
        const before = [digestsOf(victim), statSync(join(victim, room)).mode]
        const error = await failure('ERR_TEMP_UNSAFE_ROOT', () => call(tempManager({ baseDir: base })))
        expect([error.path, error.message]).toEqual([join(root, room), expect.stringContaining(`${room}/`)])
        expect([digestsOf(victim), statSync(join(victim, room)).mode]).toEqual(before)
      },
    )
  })

  test('a symlink in the place of kept/ gets no files from a live manager, and what is behind it stays', async () => {
    const victim = tempBase()
    const failures = ['failed-1', 'failed-2', 'failed-3', 'failed-4']
    for (const name of failures) mkdirSync(join(victim, name))
    chmodSync(victim, 0o755)
    const manager = tempManager({ preserve: 'on-error' })
    manager.file()
    symlinkSync(victim, join(manager.root, 'kept'))
    const work = manager.withFile(() => {
      throw new Error('the work failed')
    })
    const unsafe = { code: 'ERR_TEMP_UNSAFE_ROOT' }
    await expect(work).rejects.toMatchObject({
      errors: [{ message: 'the work failed' }, { errors: [unsafe, unsafe] }],
    })
    expect([readdirSync(victim), statSync(victim).mode & 0o777]).toEqual([failures, 0o755])
  })

  test.each(['handoffs', 'uploads'] as const)(
    'a symlink in the place of an entry of %s/ is foreign to a sweep',
    async (room) => {
      const victim = await removableRoot()
      const manager = tempManager()
      await using upload = await manager.createUpload()
      await upload.append('x')
      const [name = ''] = readdirSync(join(victim, room))
      const before = digestsOf(victim)
      symlinkSync(join(victim, room, name), join(manager.root, room, name))
      const { items } = await manager.sweep()
      expect(items.find((item) => item.name.endsWith(name))).toMatchObject({
        kind: 'foreign',
        reason: 'not a directory',
      })
      expect(digestsOf(victim)).toEqual(before)
    },
  )

  test("a symlink in the place of a dead session's claims/ is not searched for tickets", async () => {
    const victim = await removableRoot()
    const manager = tempManager()
    manager.file()
    const [ticket = ''] = readdirSync(join(victim, 'handoffs'))
    const dead = craftSession(manager.root, { owner: REUSED_PID })
    rmdirSync(join(dead.path, 'claims'))
    symlinkSync(join(victim, 'handoffs'), join(dead.path, 'claims'))
    expect(await manager.handoffs()).toEqual([])
    await failure('ERR_TEMP_HANDOFF_GONE', () => manager.claim(ticket))
    expect(readdirSync(join(victim, 'handoffs'))).toEqual([ticket])
  })

  test('a symlink in the place of a session is foreign to a sweep, which neither follows nor removes it', async () => {
    const [base, victim] = [tempBase(), tempBase()]
    const manager = tempManager({ baseDir: base })
    manager.file()
    const dead = craftSession(victim, { owner: REUSED_PID, files: { precious: 'x' } })
    for (const name of [dead.name, `.gone-${dead.id}-0000`, `.dead-${dead.id}-0000`])
      symlinkSync(dead.path, join(manager.root, 'sessions', name))
    const report = await manager.sweep()
    expect(existsSync(join(dead.path, 'precious'))).toBe(true)
    expect(report.items.filter(({ kind }) => kind === 'foreign')).toHaveLength(3)
  })

  const place = (): string => join(tempBase(), 'persisted')
  const throughLink: Readonly<Record<string, (file: TempFile) => unknown>> = {
    write: (file) => file.write('overwritten'),
    createWriteStream: (file) => pipeline(['overwritten'], file.createWriteStream()),
    'open to write': (file) => file.open('w'),
    'open with O_RDWR': (file) => file.open(constants.O_RDWR),
    'open to read': (file) => file.open('r'),
    createReadStream: (file) => text(file.createReadStream()),
    blob: (file) => file.blob(),
    fileResponse: (file) => fileResponse(new Request('http://host/'), file),
    putFile: (file) => putFile('http://127.0.0.1:9/', file),
    handOff: (file) => file.handOff(),
    persist: (file) => file.persist(place()),
    persistSync: (file) => file.persistSync(place()),
  }
  test.each(Object.entries(throughLink))(
    'a symlink in the place of a file of this manager is not followed by %s',
    async (_, follow) => {
      const victim = join(tempBase(), 'victim')
      writeFileSync(victim, 'precious')
      const file = tempManager().file()
      rmSync(file.path)
      symlinkSync(victim, file.path)
      await expect((async () => follow(file))()).rejects.toMatchObject(
        expect.toSatisfy(({ code }) => code === 'ERR_TEMP_IO' || code === 'ELOOP'),
      )
      await file.remove()
      expect(readFileSync(victim, 'utf8')).toBe('precious')
    },
  )

  test.each(DEVICES)(
    'a symlink in the place of a file that was adopted in place is not persisted on %s',
    async (_, newDirectory) => {
      const [theirs, destination] = [tempBase(), newDirectory()]
      writeFileSync(join(theirs, 'victim'), 'precious')
      writeFileSync(join(theirs, 'file'), 'x')
      const file = await tempManager().adopt(join(theirs, 'file'), { inPlace: true })
      rmSync(file.path)
      symlinkSync(join(theirs, 'victim'), file.path)
      await failure('ERR_TEMP_IO', () => file.persist(join(destination, 'persisted')))
      expect(readdirSync(destination)).toEqual([])
      expect(lstatSync(file.path).isSymbolicLink()).toBe(true)
    },
  )
})

describe.skipIf(!isRoot)('other users (needs root)', () => {
  test("another user's root, planted beforehand, is refused", () => {
    const base = tempBase()
    mkdirSync(rootIn(base))
    chownSync(rootIn(base), 12345, 12345)
    failureSync('ERR_TEMP_UNSAFE_ROOT', () => tempManager({ baseDir: base }).file())
  })

  test("another user's sessions/, planted beforehand, is refused", () => {
    const base = tempBase()
    mkdirSync(join(rootIn(base), 'sessions'), { recursive: true })
    chownSync(join(rootIn(base), 'sessions'), 12345, 12345)
    failureSync('ERR_TEMP_UNSAFE_ROOT', () => tempManager({ baseDir: base }).file())
  })

  test.each(ROOMS)("another user's %s/ is not swept", async (room) => {
    const root = await removableRoot()
    chownSync(join(root, room), 12345, 12345)
    const before = digestsOf(root)
    const manager = tempManager({ baseDir: dirname(root) })
    await failure('ERR_TEMP_UNSAFE_ROOT', () => manager.sweep({ kept: true }))
    expect(digestsOf(root)).toEqual(before)
  })

  test("another user's session is never swept, even if its record is that of a dead owner", async () => {
    const manager = tempManager()
    manager.file()
    const planted = craftSession(manager.root, { owner: REUSED_PID, files: { data: 'x' } })
    chownSync(planted.path, 12345, 12345)
    const report = await manager.sweep()
    expect(existsSync(join(planted.path, 'data'))).toBe(true)
    expect(report.items.find(({ name }) => name.endsWith(planted.name))?.reason).toContain('another user')
  })

  test("another user's record in a handoff is not believed", async () => {
    const manager = tempManager()
    const ticket = await manager.file().handOff()
    chownSync(join(manager.root, 'handoffs', ticket, 'handoff.json'), 12345, 12345)
    await failure('ERR_TEMP_HANDOFF_CORRUPT', () => manager.claim(ticket))
  })
})

test('a base directory in which everybody may rename is refused', () => {
  const base = tempBase()
  chmodSync(base, 0o777)
  failureSync('ERR_TEMP_UNSAFE_ROOT', () => tempManager({ baseDir: base }).file())
})

test('a sweep sets a root and its rooms that are too open to 0700 before it removes anything; a dry run changes nothing', async () => {
  const root = await removableRoot()
  const paths = [root, ...ROOMS.map((room) => join(root, room))]
  for (const path of paths) chmodSync(path, 0o777)
  const modes = (): number[] => paths.map((path) => statSync(path).mode & 0o777)
  const manager = tempManager({ baseDir: dirname(root) })
  await manager.sweep({ dryRun: true })
  expect(new Set(modes())).toEqual(new Set([0o777]))
  const warned = once(process, 'warning')
  const report = await manager.sweep({ kept: true })
  expect((await warned)[0]).toMatchObject({ name: 'TempFileManagerWarning', detail: root })
  expect(new Set(modes())).toEqual(new Set([0o700]))
  expect(report.items.filter(({ action }) => action === 'removed')).toHaveLength(ROOMS.length - 1)
})

describe('swapped roots', () => {
  function swapped(swap: (root: string, base: string) => void): {
    manager: TempFileManager
    errors: string[]
  } {
    const base = tempBase()
    const errors: string[] = []
    const manager = tempManager({ baseDir: base, onCleanupError: ({ code }) => errors.push(code) })
    manager.file()
    swap(manager.root, base)
    return { manager, errors }
  }

  test('a root swapped for a symlink is refused, and nothing is created or removed in its target', async () => {
    const victim = tempBase()
    mkdirSync(join(victim, 'sessions'))
    writeFileSync(join(victim, 'sessions', 'precious'), 'x')
    const { manager, errors } = swapped((root, base) => {
      renameSync(root, join(base, 'moved'))
      symlinkSync(victim, root)
    })
    failureSync('ERR_TEMP_UNSAFE_ROOT', () => manager.file())
    await failure('ERR_TEMP_UNSAFE_ROOT', () => manager.sweep())
    await manager.close()
    expect(readdirSync(join(victim, 'sessions'))).toEqual(['precious'])
    expect(errors).toEqual(['ERR_TEMP_SESSION_LOST'])
  })

  test('the swap of the root for an empty directory is reported once, and a new session is created there', () => {
    const { manager, errors } = swapped((root, base) => {
      renameSync(root, join(base, 'moved'))
      mkdirSync(root, { mode: 0o700 })
    })
    expect(existsSync(manager.file().path)).toBe(true)
    expect(errors).toEqual(['ERR_TEMP_SESSION_LOST'])
  })

  test('a root deleted with its base under a live manager is created again, and so is the base', () => {
    const { manager, errors } = swapped((_, base) => rmSync(base, { recursive: true }))
    expect(existsSync(manager.file().path)).toBe(true)
    expect(errors).toEqual(['ERR_TEMP_SESSION_LOST'])
  })

  test('a directory planted in the place of a live manager’s session is not removed when it closes', async () => {
    const { manager } = swapped((root) => {
      const sessions = join(root, 'sessions')
      const [name = ''] = readdirSync(sessions)
      renameSync(join(sessions, name), join(root, 'original'))
      mkdirSync(join(sessions, name, 'claims'), { recursive: true })
      writeFileSync(join(sessions, name, 'planted'), 'x')
    })
    await manager.close()
    const [left = ''] = readdirSync(join(manager.root, 'sessions'))
    expect(readdirSync(join(manager.root, 'sessions', left))).toContain('planted')
    expect(basename(dirname(join(manager.root, 'original')))).toBe(basename(manager.root))
  })
})
