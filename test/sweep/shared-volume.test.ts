// Several hosts on one volume. Another host is a record with a host name and boot of its own; its age is the
// ctime of its heartbeat, injected at lstat, against the ctime of a file just made on the same volume.

import fs, { existsSync, mkdirSync, readdirSync, renameSync, rmSync, utimesSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { describe, expect, onTestFinished, test, vi } from 'vitest'
import type { FileSystem, SweepReport, TempFileManager } from '../../src/index.ts'
import { layoutOf } from '../../src/layout.ts'
import { underSweepLock } from '../../src/sweep/lock.ts'
import { runChild } from '../fixtures/child.ts'
import { agedFileSystem, type Crafted, craftSession } from '../fixtures/crafted-session.ts'
import { tombstoneOf } from '../fixtures/handoff-root.ts'
import { tempBase, tempManager } from '../fixtures/temp-base.ts'

const HOUR = 3_600_000
const FAR = { hostname: 'far', bootId: 'of-far', lease: undefined, heartbeat: true }
const SOON = 15_000

/** A foreign session whose heartbeat and tombstone have the age of `age`. */
function foreign(owner: Record<string, unknown> = FAR): {
  base: string
  session: Crafted
  age: { beat: number; tombstone: number }
  fs: FileSystem
} {
  const base = tempBase()
  const { root } = tempManager({ baseDir: base })
  const session = craftSession(root, { owner, lease: 'none', files: { data: 'data' } })
  mkdirSync(join(session.path, 'heartbeat'))
  const age = { beat: 0, tombstone: 0 }
  return {
    base,
    session,
    age,
    fs: agedFileSystem(() => [
      [/\/(heartbeat|owner\.json)$/, age.beat],
      [/\/\.dead-[^/]+$/, age.tombstone],
    ]),
  }
}

function itemOf(report: SweepReport, id: string): { action: string | undefined; reason: string | undefined } {
  const entry = report.items.find(({ name }) => name.includes(id))
  return { action: entry?.action, reason: entry?.reason }
}

const names = (manager: TempFileManager): string[] => readdirSync(join(manager.root, 'sessions'))

describe('sessions of other hosts', () => {
  test("another host's session is kept while its heart beats, then suspected, and swept an hour later", async () => {
    const { base, session, age, fs: aged } = foreign()
    const manager = tempManager({ baseDir: base, fs: aged, sharedVolume: { staleAfter: '24h' } })

    age.beat = 24 * HOUR - 60_000
    expect(itemOf(await manager.sweep(), session.id)).toEqual({
      action: 'kept',
      reason: 'made on another host; see sharedVolume',
    })
    expect(names(manager)).toEqual([session.name])

    age.beat = 24 * HOUR + 60_000
    const suspected = await manager.sweep()
    expect(itemOf(suspected, session.id).action).toBe('kept')
    expect(itemOf(suspected, session.id).reason).toMatch(
      /no heartbeat for longer than sharedVolume\.staleAfter.*take it back/,
    )
    const [tombstone] = names(manager)
    expect(tombstone).toMatch(/^\.dead-/)

    age.tombstone = HOUR - 60_000
    await manager.sweep()
    expect(names(manager)).toEqual([tombstone])

    age.tombstone = HOUR + 60_000
    const later = await manager.sweep()
    expect(itemOf(later, session.id).action).toBe('removed')
    expect(names(manager)).toEqual([])
  })

  test("another host's suspected session gets its name back when its heart beats again", async () => {
    const { base, session, age, fs: aged } = foreign()
    const manager = tempManager({ baseDir: base, fs: aged, sharedVolume: true })
    age.beat = 30 * HOUR
    await manager.sweep()
    expect(names(manager)).not.toEqual([session.name])
    age.beat = 0
    age.tombstone = 5 * HOUR
    await manager.sweep()
    expect(names(manager)).toEqual([session.name])
  })

  test.each<{ what: string; owner: Record<string, unknown>; shared: boolean }>([
    { what: 'of a manager that does not beat', owner: { ...FAR, heartbeat: false }, shared: true },
    { what: 'for a sweeper that does not share the volume', owner: FAR, shared: false },
  ])("another host's session is kept however old: $what", async ({ owner, shared }) => {
    const { base, session, age, fs: aged } = foreign(owner)
    age.beat = 9999 * HOUR
    age.tombstone = 9999 * HOUR
    const manager = tempManager({ baseDir: base, fs: aged, sharedVolume: shared })
    for (let n = 0; n < 3; n++) expect(itemOf(await manager.sweep(), session.id).action).toBe('kept')
    expect(names(manager)).toEqual([session.name])
  })

  test("another host's session is judged by no host's clock: times that utimes set count for nothing", async () => {
    const { base, session, fs: aged } = foreign()
    for (const name of ['heartbeat', 'owner.json', '.']) utimesSync(join(session.path, name), 1000, 1000)
    const manager = tempManager({ baseDir: base, fs: aged, sharedVolume: true })
    await manager.sweep()
    expect(names(manager)).toEqual([session.name])
  })

  test("another host's session is kept when the volume cannot be asked the time", async () => {
    const { base, session, age, fs: aged } = foreign()
    age.beat = 9999 * HOUR
    const refused: FileSystem['mkdirSync'] = () => {
      throw Object.assign(new Error('EROFS'), { code: 'EROFS' })
    }
    const manager = tempManager({ baseDir: base, fs: { ...aged, mkdirSync: refused }, sharedVolume: true })
    expect((await manager.sweep()).errors).toEqual([])
    expect(names(manager)).toEqual([session.name])
  })
})

describe('heartbeats', () => {
  const sharing = { heartbeat: '1s', staleAfter: '1h' } as const

  /** Waits until it has beaten since `than`. */
  const beaten = (path: string, than: number): Promise<number> =>
    vi.waitFor(() => {
      const now = fs.lstatSync(path).ctimeMs
      expect(now).toBeGreaterThan(than)
      return now
    }, SOON)

  test('a heartbeat repeats, and ends with its manager', async () => {
    const manager = tempManager({ sharedVolume: sharing })
    manager.file()
    const path = join(String(manager.sessionPath), 'heartbeat')
    await beaten(path, await beaten(path, 0))
    await manager.close()
    expect(names(manager)).toEqual([])
  })

  test('a heartbeat that fails because a sweeper suspected its session takes that back, and goes on', async () => {
    const manager = tempManager({ sharedVolume: sharing })
    const file = manager.file()
    const session = String(manager.sessionPath)
    const heartbeat = join(session, 'heartbeat')
    await beaten(heartbeat, 0)
    renameSync(session, tombstoneOf(session, 'dead'))
    await vi.waitFor(() => expect(existsSync(file.path)).toBe(true), SOON)
    const back = await beaten(heartbeat, 0)
    await beaten(heartbeat, back + 500)
    expect(manager.sessionPath).toBe(session)
  })

  test('a heartbeat that did not start because a sweeper suspected its session is started again', async () => {
    let suspected = false
    const mkdir = ((path: string, made: (error: Error | null) => void) =>
      fs.mkdir(path, (error) => {
        if (!suspected && path.endsWith('heartbeat')) {
          suspected = true
          const session = dirname(path)
          renameSync(session, tombstoneOf(session, 'dead'))
        }
        made(error)
      })) as typeof fs.mkdir // one of its overloads is all that is called
    const manager = tempManager({ sharedVolume: sharing, fs: { ...fs, mkdir } as FileSystem })
    const file = manager.file()
    const session = String(manager.sessionPath)
    await vi.waitFor(() => expect(suspected).toBe(true), SOON)
    const first = await beaten(join(session, 'heartbeat'), 0)
    await beaten(join(session, 'heartbeat'), first + 500)
    expect(existsSync(file.path)).toBe(true)
    expect(manager.sessionPath).toBe(session)
  })

  test('a heartbeat that fails because its session is gone reports it, and goes on in a new session', async () => {
    const reported: string[] = []
    const manager = tempManager({
      sharedVolume: sharing,
      onCleanupError: (error) => void reported.push(error.code),
    })
    manager.file()
    const session = String(manager.sessionPath)
    await beaten(join(session, 'heartbeat'), 0)
    rmSync(session, { recursive: true })
    await vi.waitFor(() => expect(reported).toEqual(['ERR_TEMP_SESSION_LOST']), SOON)
    expect(existsSync(manager.file().path)).toBe(true)
    expect(manager.sessionPath).not.toBe(session)
    await beaten(join(String(manager.sessionPath), 'heartbeat'), 0)
  })

  test('a heartbeat that fails because the whole root is gone reports it, and the manager works on', async () => {
    const reported: string[] = []
    const manager = tempManager({
      sharedVolume: sharing,
      onCleanupError: (error) => void reported.push(error.code),
    })
    manager.file()
    await beaten(join(String(manager.sessionPath), 'heartbeat'), 0)
    rmSync(manager.root, { recursive: true })
    await vi.waitFor(() => expect(reported).toEqual(['ERR_TEMP_SESSION_LOST']), SOON)
    expect(existsSync(manager.file().path)).toBe(true)
  })
})

describe('sweep locks', () => {
  test('the sweep lock lets one work and turns the others away, and is released when the work fails', async () => {
    const { root } = tempManager()
    mkdirSync(root, { recursive: true })
    onTestFinished(() => rmSync(root, { recursive: true, force: true }))
    const layout = layoutOf(root)
    const place = { fs, native: true, layout }
    const inner = vi.fn(async () => 1)
    expect(await underSweepLock(place, () => underSweepLock(place, inner))).toBeUndefined()
    expect(inner).not.toHaveBeenCalled()
    await expect(
      underSweepLock(place, async () => {
        throw new Error('work failed')
      }),
    ).rejects.toThrow('work failed')
    expect(await underSweepLock(place, inner)).toBe(1)
    expect(existsSync(layout.sweepLock)).toBe(false)
  })
})

test('proper-lockfile is loaded for a shared volume, and not otherwise', async () => {
  for (const shares of [false, true]) {
    const args = [tempBase(), String(shares)]
    const { stdout, stderr, code } = await runChild('loads-lockfile.ts', { args })
    expect(code, stderr).toBe(0)
    expect(stdout.trim()).toBe(`loaded ${shares}`)
  }
})
