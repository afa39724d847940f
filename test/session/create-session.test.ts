import fs, { mkdirSync, readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, onTestFinished, test } from 'vitest'
import type { FileSystem } from '../../src/index.ts'
import { parseSessionsEntry } from '../../src/layout.ts'
import { parseSessionName } from '../../src/liveness/session-name.ts'
import { tempBase, tempManager, USER } from '../fixtures/temp-base.ts'

/** The contents of sessions/ before each call of the file system that changes something. */
function watching(base: string): { fs: FileSystem; seen: string[][] } {
  const seen: string[][] = []
  const look = (): void => {
    try {
      seen.push(readdirSync(join(base, `temp-file-manager-${USER}`, 'sessions')))
    } catch {
      // The root is not there yet.
    }
  }
  const spied = Object.fromEntries(
    (['mkdirSync', 'openSync', 'writeSync', 'chmodSync', 'renameSync', 'closeSync'] as const).map((name) => [
      name,
      (...given: unknown[]) => {
        look()
        return (fs[name] as (...given: unknown[]) => unknown)(...given) // passed on as it came
      },
    ]),
  )
  return { fs: { ...fs, native: true, ...spied } as FileSystem, seen }
}

describe('new sessions', () => {
  test('a new session appears under its name with its owner already in it', () => {
    const base = tempBase()
    const { fs: spied, seen } = watching(base)
    const manager = tempManager({ baseDir: base, fs: spied })
    manager.file()
    const before = seen.flat().filter((name) => parseSessionsEntry(name)?.kind !== 'new')
    const live = String(manager.sessionPath)
    expect(before.filter((name) => !live.endsWith(name))).toEqual([])
    expect(JSON.parse(readFileSync(join(live, 'owner.json'), 'utf8'))).toMatchObject({ pid: process.pid })
    expect(readdirSync(join(manager.root, 'sessions'))).toHaveLength(1)
  })

  test('a new session has a name that proves its owner', () => {
    const manager = tempManager()
    manager.file()
    const entry = parseSessionsEntry(String(manager.sessionPath).split(/[\\/]/).at(-1) ?? '')
    expect(entry?.kind).toBe('live')
    expect(parseSessionName(entry?.id ?? '')).toMatchObject({ pid: process.pid })
  })

  test.each([0o000, 0o277, 0o777])('a new session has directories of mode 0700 under umask %o', (umask) => {
    const base = tempBase()
    mkdirSync(join(base, 'x'))
    const before = process.umask(umask)
    onTestFinished(() => void process.umask(before))
    const manager = tempManager({ baseDir: base })
    manager.file()
    const session = String(manager.sessionPath)
    for (const path of [session, join(session, 'claims')]) expect(statSync(path).mode & 0o777).toBe(0o700)
  })

  test.each(['mkdirSync', 'openSync', 'renameSync'] as const)(
    'a new session that fails in %s leaves nothing',
    (name) => {
      const base = tempBase()
      tempManager({ baseDir: base }).file() // the root is there
      const sessions = (): string[] => readdirSync(join(base, `temp-file-manager-${USER}`, 'sessions'))
      const before = sessions()
      const failing = {
        ...fs,
        native: true,
        [name]: (path: unknown, ...more: unknown[]) => {
          if (/[/\\]\.new-/.test(String(path))) throw Object.assign(new Error('ENOSPC'), { code: 'ENOSPC' })
          return (fs[name] as (...given: unknown[]) => unknown)(path, ...more) // passed on as it came
        },
      } as FileSystem
      expect(() => tempManager({ baseDir: base, fs: failing }).file()).toThrow(
        expect.objectContaining({ code: 'ERR_TEMP_NO_SPACE' }),
      )
      expect(sessions()).toEqual(before)
    },
  )
})
