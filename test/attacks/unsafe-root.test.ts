// The root and its base under attack by others who may write beside it. Guarantee: a root that another user planted
// or could swap is refused; what is swapped under a live manager is noticed; nothing is deleted outside.
// CVE-2025-54798: tmp followed a symlink in `dir` out of the temporary directory.

import {
  chmodSync,
  chownSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { isTempFileError, type TempFileManager } from '../../src/index.ts'
import { craftSession, REUSED_PID } from '../fixtures/crafted-session.ts'
import { failure, failureSync } from '../fixtures/failures.ts'
import { tempBase, tempManager } from '../fixtures/temp-base.ts'

const isRoot = process.geteuid?.() === 0

function rootIn(base: string): string {
  return tempManager({ baseDir: base }).root
}

describe('CVE-2025-54798: a symlink in the place of', () => {
  test('the root is refused, and its target is untouched', async () => {
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

  test.each(['sessions', 'handoffs'])('%s/ is refused', (room) => {
    const [base, victim] = [tempBase(), tempBase()]
    const root = rootIn(base)
    mkdirSync(root, { mode: 0o700 })
    symlinkSync(victim, join(root, room))
    failureSync('ERR_TEMP_UNSAFE_ROOT', () => tempManager({ baseDir: base }).file())
    expect(readdirSync(victim)).toEqual([])
  })

  test('a session is foreign to a sweep, which neither follows nor removes it', async () => {
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

  test('a file of this manager is not written through, not followed by open, and its handOff is refused', async () => {
    const victim = join(tempBase(), 'victim')
    writeFileSync(victim, 'precious')
    const manager = tempManager()
    const file = manager.file()
    rmSync(file.path)
    symlinkSync(victim, file.path)
    await expect(file.write('overwritten')).rejects.toSatisfy(isTempFileError)
    await failure('ERR_TEMP_IO', () => file.handOff())
    await file.remove()
    expect(lstatSync(victim).size).toBe('precious'.length)
  })
})

describe.skipIf(!isRoot)("another user's (needs root)", () => {
  test('root, planted beforehand, is refused', () => {
    const base = tempBase()
    mkdirSync(rootIn(base))
    chownSync(rootIn(base), 12345, 12345)
    failureSync('ERR_TEMP_UNSAFE_ROOT', () => tempManager({ baseDir: base }).file())
  })

  test('sessions/, planted beforehand, is refused', () => {
    const base = tempBase()
    mkdirSync(join(rootIn(base), 'sessions'), { recursive: true })
    chownSync(join(rootIn(base), 'sessions'), 12345, 12345)
    failureSync('ERR_TEMP_UNSAFE_ROOT', () => tempManager({ baseDir: base }).file())
  })

  test('session is never swept, whatever its record contains', async () => {
    const manager = tempManager()
    manager.file()
    const planted = craftSession(manager.root, { owner: REUSED_PID, files: { data: 'x' } })
    chownSync(planted.path, 12345, 12345)
    const report = await manager.sweep()
    expect(existsSync(join(planted.path, 'data'))).toBe(true)
    expect(report.items.find(({ name }) => name.endsWith(planted.name))?.reason).toContain('another user')
  })

  test('record in a handoff is not believed', async () => {
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

describe('the root, swapped under a live manager', () => {
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

  test('for a symlink: refused, and nothing is created or removed in its target', async () => {
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

  test('for an empty directory: reported once, and a new session is created there', () => {
    const { manager, errors } = swapped((root, base) => {
      renameSync(root, join(base, 'moved'))
      mkdirSync(root, { mode: 0o700 })
    })
    expect(existsSync(manager.file().path)).toBe(true)
    expect(errors).toEqual(['ERR_TEMP_SESSION_LOST'])
  })

  test('deleted with its base: both are created again', () => {
    const { manager, errors } = swapped((_, base) => rmSync(base, { recursive: true }))
    expect(existsSync(manager.file().path)).toBe(true)
    expect(errors).toEqual(['ERR_TEMP_SESSION_LOST'])
  })

  test('for a copy of itself that contains our session: the copy is not used, and a sweep handles it', async () => {
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
