// The end of a manager's own session, as close() and closeSync() run it.

import fs, { existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { describe, expect, test, vi } from 'vitest'
import type { TempFileError, TempFileManagerOptions } from '../../src/index.ts'
import { endSessionSync } from '../../src/removal/end-own-session.ts'
import { Session } from '../../src/session/session.ts'
import { published } from '../fixtures/handoff-root.ts'
import { tempBase, tempManager } from '../fixtures/temp-base.ts'
import { contextOf } from '../session/open-session.ts'

const ends = ['close', 'closeSync'] as const

/** A base directory whose root can lose its session by other hands, and a manager in it with one file. */
function managerWithFile(options: TempFileManagerOptions = {}) {
  const errors: TempFileError[] = []
  const manager = tempManager({ ...options, onCleanupError: (error) => errors.push(error) })
  const file = manager.file()
  writeFileSync(file.path, 'data')
  return { manager, file, errors, sessions: join(manager.root, 'sessions') }
}

describe.each(ends)('%s', (end) => {
  test(`${end}() removes the session with everything in it, and gives its claims back`, async () => {
    const { manager, errors, sessions } = managerWithFile()
    mkdirSync(join(manager.dir().path, 'deep'))
    const ticket = await (await manager.receive('x')).handOff()
    await manager.claim(ticket)
    await manager[end]()
    expect(readdirSync(sessions)).toEqual([])
    expect(published(manager.root)).toEqual([ticket])
    expect(errors).toEqual([])
  })

  test(`${end}() reports a failed removal once, and leaves a condemned directory for the next sweep`, async () => {
    const unlinkSync = (path: string): void => {
      if (path.endsWith('.stuck')) throw Object.assign(new Error('EPERM'), { code: 'EPERM' })
      fs.unlinkSync(path)
    }
    const unlink = async (path: string): Promise<void> => unlinkSync(path)
    const failing = { ...fs, unlinkSync, promises: { ...fs.promises, unlink } } as unknown as typeof fs
    const { manager, errors, sessions } = managerWithFile({ fs: failing })
    manager.file('.stuck')
    await manager[end]()
    expect(errors.map(({ code }) => code)).toEqual(['ERR_TEMP_CLEANUP'])
    expect(readdirSync(sessions)).toEqual([expect.stringMatching(/^\.gone-/)])
  })

  test(`${end}() reports no failed removal when other code removed the session before`, async () => {
    const { manager, errors, sessions } = managerWithFile({ baseDir: tempBase() })
    fs.rmSync(join(sessions, String(readdirSync(sessions)[0])), { recursive: true })
    await manager[end]()
    expect(errors.map(({ code }) => code)).not.toContain('ERR_TEMP_CLEANUP')
    expect(readdirSync(sessions)).toEqual([])
  })

  test(`${end}() with preserve moves the session to kept/ and warns with its path`, async () => {
    const warn = vi.spyOn(process, 'emitWarning').mockImplementation(() => {})
    const { manager, file, sessions } = managerWithFile({ preserve: true })
    await manager[end]()
    const [kept] = readdirSync(join(manager.root, 'kept'))
    expect(readdirSync(sessions)).toEqual([])
    expect(existsSync(join(manager.root, 'kept', String(kept), file.name))).toBe(true)
    expect(warn.mock.calls.map(([, options]) => JSON.stringify(options))).toContainEqual(
      expect.stringContaining(String(kept)),
    )
    warn.mockRestore()
  })
})

test('the exit of the main thread looks for the sessions of its threads on the file system of the manager', () => {
  const listed: unknown[] = []
  const recording = {
    ...fs,
    readdirSync: (...args: Parameters<typeof fs.readdirSync>) => {
      listed.push(args[0])
      return fs.readdirSync(...args)
    },
  } as typeof fs
  const context = { ...contextOf(), fs: recording }
  const session = Session.open(context)
  const another = Session.open(context)
  expect(endSessionSync(session, true)).toBe(true)
  expect(listed).toContain(context.layout.sessions)
  expect(readdirSync(context.layout.sessions)).toEqual([basename(another.path)])
  listed.length = 0
  expect(endSessionSync(another, true)).toBe(true)
  // No session is left in it, which its links show where directories count theirs.
  expect(listed.includes(context.layout.sessions)).toBe(fs.statSync(context.layout.sessions).nlink !== 2)
})
