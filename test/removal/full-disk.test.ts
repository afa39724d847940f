// A disk so full that a rename needs space (btrfs). Here the rename is made to fail as long as the session still
// has data; test/crash/full-disk-recovery has the real one.

import fs, { existsSync, readdirSync, readFileSync, renameSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import type { FileSystem } from '../../src/index.ts'
import { agedFileSystem, craftSession, REUSED_PID } from '../fixtures/crafted-session.ts'
import { tempBase, tempManager } from '../fixtures/temp-base.ts'

/** No session can be renamed while it holds a file of its owner's. */
function fullDisk(code: string): FileSystem {
  return {
    ...agedFileSystem(() => [[/\/(owner\.json|lease)$/, 7_200_000]]),
    renameSync: (from, to) => {
      const moves = /[/\\]sessions[/\\][^/\\]+$/.test(String(from))
      if (moves && readdirSync(String(from)).some((name) => name.startsWith('tmp-')))
        throw Object.assign(new Error(code), { code })
      renameSync(from, to)
    },
  }
}

const FILES = { 'tmp-1': 'twelve bytes' }

describe.each(['ENOSPC', 'EDQUOT'])('where a rename fails with %s', (code) => {
  test("on a full disk a dead session's files go first, then the session; its claims come back", async () => {
    const base = tempBase()
    const manager = tempManager({ baseDir: base })
    const ticket = await (await manager.receive('payload')).handOff()
    const dead = craftSession(manager.root, { owner: REUSED_PID, files: FILES })
    renameSync(join(manager.root, 'handoffs', ticket), join(dead.path, 'claims', ticket))
    const report = await tempManager({ baseDir: base, fs: fullDisk(code) }).sweep()
    expect(report).toMatchObject({ errors: [], sessionsRemoved: 1, claimsGivenBack: [ticket] })
    expect(report.bytes).toBeGreaterThanOrEqual('twelve bytes'.length)
    expect(existsSync(dead.path)).toBe(false)
    expect(readFileSync((await manager.claim(ticket)).path, 'utf8')).toBe('payload')
  })

  test('on a full disk a tombstone that a killed sweeper left is removed', async () => {
    const base = tempBase()
    const manager = tempManager({ baseDir: base })
    const dead = craftSession(manager.root, { owner: REUSED_PID, files: FILES })
    renameSync(dead.path, join(manager.root, 'sessions', `.dead-${dead.id}-x`))
    const report = await tempManager({ baseDir: base, fs: fullDisk(code) }).sweep()
    expect(report).toMatchObject({ errors: [], sessionsRemoved: 1 })
    expect(readdirSync(join(manager.root, 'sessions'))).toEqual([])
  })

  test.each<{ what: string; owner: Record<string, unknown> }>([
    { what: 'whose owner asked to keep it', owner: { ...REUSED_PID, preserve: true } },
    { what: 'that only its age convicts', owner: { bootId: 'b', lease: undefined } },
  ])('on a full disk a session $what loses nothing', async ({ owner }) => {
    const base = tempBase()
    const { root } = tempManager({ baseDir: base })
    const session = craftSession(root, { owner, files: FILES })
    const report = await tempManager({ baseDir: base, fs: fullDisk(code) }).sweep({
      removeUnknownAfter: '1h',
    })
    expect(report.errors).toEqual([{ name: `sessions/${session.name}`, message: code }])
    expect(readFileSync(join(session.path, 'tmp-1'), 'utf8')).toBe('twelve bytes')
  })

  test('on a full disk a manager that closes leaves nothing', async () => {
    const manager = tempManager({ fs: fullDisk(code), onCleanupError: 'throw' })
    for (const file of [manager.file(), manager.file('.txt')]) fs.writeFileSync(file.path, 'x')
    await manager.close()
    expect(readdirSync(join(manager.root, 'sessions'))).toEqual([])
  })
})
