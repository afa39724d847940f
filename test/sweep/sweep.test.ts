// The decisions and reports of a sweep, and the entries that it leaves alone. Sessions are made by hand, so that each is
// dead, alive or unknown for a known reason; test/crash has the same with real deaths.

import fs, {
  chownSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { describe, expect, onTestFinished, test } from 'vitest'
import {
  type FileSystem,
  type SweepItem,
  type SweepProgress,
  type SweepReport,
  TempFileManager,
} from '../../src/index.ts'
import { bindLease } from '../../src/liveness/lease.ts'
import { agedFileSystem, type CraftOptions, craftSession, REUSED_PID } from '../fixtures/crafted-session.ts'
import { failure } from '../fixtures/failures.ts'
import { tempBase, tempManager } from '../fixtures/temp-base.ts'

const DEAD: CraftOptions = { owner: REUSED_PID, files: { 'tmp-1': 'twelve bytes' } }
const UNKNOWN: CraftOptions = { owner: { bootId: 'b', hostname: 'far', lease: undefined } }
const HOUR = 3_600_000

function entryOf(report: SweepReport, name: string): SweepItem | undefined {
  return report.items.find((entry) => entry.name.endsWith(name))
}

/** A manager whose first use is behind it. */
function usedManager(options: ConstructorParameters<typeof TempFileManager>[0] = {}): TempFileManager {
  const manager = tempManager(options)
  manager.file()
  return manager
}

function rooms(manager: TempFileManager): { sessions: string[]; handoffs: string[] } {
  return {
    sessions: readdirSync(join(manager.root, 'sessions')).filter((n) => !manager.sessionPath?.endsWith(n)),
    handoffs: readdirSync(join(manager.root, 'handoffs')),
  }
}

describe('reports', () => {
  test('the report of a sweep names every entry with what was decided and why', async () => {
    const manager = usedManager()
    const { root } = manager
    const other = new TempFileManager({ baseDir: join(root, '..'), sweep: { onStart: false, every: false } })
    other.file()
    const waiting = await (await other.receive('waits')).handOff()
    const dead = craftSession(root, DEAD)
    const unknown = craftSession(root, UNKNOWN)
    const condemned = craftSession(root, { files: { x: '123' } })
    fs.renameSync(condemned.path, join(root, 'sessions', `.gone-${condemned.id}-a`))
    const report = await manager.sweep()
    await other.close()

    expect(entryOf(report, String(manager.sessionPath).split('/').at(-1) ?? '')).toMatchObject({
      action: 'kept',
      reason: "this manager's own session",
    })
    expect(entryOf(report, dead.name)).toMatchObject({ kind: 'session', action: 'removed', files: 4 })
    expect(entryOf(report, dead.name)?.reason).toBe(
      `owner dead (pid ${process.pid}, the pid belongs to a younger process now, lease refuses)`,
    )
    expect(entryOf(report, unknown.name)).toMatchObject({
      action: 'kept',
      reason: 'made on another host; see sharedVolume',
    })
    expect(entryOf(report, `.gone-${condemned.id}-a`)).toMatchObject({ kind: 'condemned', action: 'removed' })
    expect(entryOf(report, waiting)).toMatchObject({
      kind: 'handoff',
      action: 'kept',
      reason: 'waits for a claimant',
    })
    const alive = report.items.find((entry) => /lease answers/.test(entry.reason))
    expect(alive?.reason).toBe(`owner alive (pid ${process.pid}, the process runs, lease answers)`)
    expect(report).toMatchObject({ sessionsRemoved: 2, errors: [], finished: true, dryRun: false })
    expect(report.bytes).toBeGreaterThanOrEqual('twelve bytes'.length + 3)
    expect(report.files).toBe(report.items.reduce((sum, entry) => sum + entry.files, 0))
    expect(rooms(manager)).toEqual({ sessions: [unknown.name], handoffs: [waiting] })
  })

  test('a sweep reports the claims that were given back, which can be claimed again', async () => {
    const manager = usedManager()
    const ticket = await (await manager.receive('work')).handOff({ meta: { n: 1 } })
    const dead = craftSession(manager.root, DEAD)
    fs.renameSync(join(manager.root, 'handoffs', ticket), join(dead.path, 'claims', ticket))
    const report = await manager.sweep()
    expect(report.claimsGivenBack).toEqual([ticket])
    expect((await manager.claim(ticket)).meta).toEqual({ n: 1 })
  })

  test('an upload that a sweep gives back is not among the tickets that can be claimed again', async () => {
    const manager = usedManager()
    const upload = await manager.createUpload({ length: 4 })
    await upload.release()
    const dead = craftSession(manager.root, DEAD)
    fs.renameSync(join(manager.root, 'uploads', upload.id), join(dead.path, 'claims', upload.id))
    expect(await manager.sweep()).toMatchObject({ sessionsRemoved: 1, claimsGivenBack: [], errors: [] })
    await (await manager.openUpload(upload.id)).release()
  })

  test('a sweep reports foreign files, similar names and links, and leaves them alone', async () => {
    const manager = usedManager()
    const sessions = join(manager.root, 'sessions')
    const outside = tempBase()
    writeFileSync(join(outside, 'precious'), '')
    writeFileSync(join(manager.root, 'notes.txt'), '')
    writeFileSync(join(sessions, 'README'), '')
    writeFileSync(join(sessions, 's-1-abc'), '')
    mkdirSync(join(sessions, 'S-1-abc'))
    symlinkSync(outside, join(sessions, 's-2-abc'))
    symlinkSync(outside, join(sessions, '.gone-3-abc-x'))
    mkdirSync(join(manager.root, 'handoffs', 'not-a-ticket'))
    fs.mkdirSync(Buffer.concat([Buffer.from(`${sessions}/`), Buffer.from([0xff, 0x73])]))
    const before = [rooms(manager), readdirSync(manager.root), readdirSync(outside)]
    const report = await manager.sweep()
    expect([rooms(manager), readdirSync(manager.root), readdirSync(outside)]).toEqual(before)
    expect(report.errors).toEqual([])
    for (const name of [
      'notes.txt',
      'README',
      's-1-abc',
      'S-1-abc',
      's-2-abc',
      '.gone-3-abc-x',
      'not-a-ticket',
    ])
      expect(entryOf(report, name), name).toMatchObject({ kind: 'foreign', action: 'kept' })
  })

  test.runIf(process.getuid?.() === 0)(
    'a sweep keeps what belongs to another user (needs root)',
    async () => {
      const manager = usedManager()
      const dead = craftSession(manager.root, DEAD)
      chownSync(dead.path, 65_534, 65_534)
      const report = await manager.sweep()
      expect(entryOf(report, dead.name)).toMatchObject({ action: 'kept', reason: 'belongs to another user' })
      expect(existsSync(dead.path)).toBe(true)
    },
  )

  test('a sweep keeps and reports a record of an unknown version, of a session and of a handoff', async () => {
    const manager = usedManager()
    const session = craftSession(manager.root, { record: JSON.stringify({ v: 7, pid: 1 }) })
    const ticket = await (await manager.receive('future')).handOff()
    writeFileSync(join(manager.root, 'handoffs', ticket, 'handoff.json'), JSON.stringify({ v: 7 }))
    const report = await manager.sweep({ removeUnknownAfter: '1h' })
    expect(entryOf(report, session.name)?.reason).toMatch(/another version of this package/)
    expect(entryOf(report, ticket)?.reason).toMatch(/another version of this package/)
    expect(rooms(manager)).toEqual({ sessions: [session.name], handoffs: [ticket] })
  })

  test('a sweep of a root that was never created reports nothing', async () => {
    const report = await tempManager().sweep()
    expect(report).toMatchObject({ items: [], errors: [], finished: true })
  })
})

describe('options', () => {
  test('dryRun reports what a sweep would remove, and changes nothing', async () => {
    const manager = usedManager()
    const dead = craftSession(manager.root, DEAD)
    const tombstone = craftSession(manager.root, DEAD)
    fs.renameSync(tombstone.path, join(manager.root, 'sessions', `.dead-${tombstone.id}-a`))
    const report = await manager.sweep({ dryRun: true })
    expect(report).toMatchObject({ dryRun: true, sessionsRemoved: 0, bytes: 0 })
    expect(entryOf(report, dead.name)?.action).toBe('would-remove')
    expect(entryOf(report, `.dead-${tombstone.id}-a`)?.action).toBe('would-remove')
    expect(rooms(manager).sessions.length).toBe(2)
  })

  test('onProgress counts to the total, and an error that it throws reaches the caller of sweep()', async () => {
    const manager = usedManager()
    for (let n = 0; n < 5; n++) craftSession(manager.root, DEAD)
    const steps: SweepProgress[] = []
    await manager.sweep({ onProgress: (progress) => steps.push({ ...progress }) })
    expect([...new Set(steps.map((step) => step.done))].filter((done) => done > 0)).toEqual([
      1, 2, 3, 4, 5, 6,
    ])
    expect(steps.at(-1)).toMatchObject({ done: 6, total: 6 })
    expect(steps.at(-1)?.bytes).toBeGreaterThan(60)

    craftSession(manager.root, DEAD)
    const thrown = manager.sweep({
      onProgress: () => {
        throw new Error('mine')
      },
    })
    await expect(thrown).rejects.toThrow('mine')
    expect((await manager.sweep()).errors).toEqual([])
    expect(rooms(manager).sessions).toEqual([])
  })

  test('an error with which a promise of onProgress rejects reaches the caller of sweep()', async () => {
    const manager = usedManager()
    craftSession(manager.root, DEAD)
    const onProgress = async (): Promise<void> => {
      await null
      throw new Error('mine')
    }
    await expect(manager.sweep({ onProgress })).rejects.toThrow('mine')
  })

  test('a signal ends the wait of a sweep for a promise of onProgress that never settles', async () => {
    const controller = new AbortController()
    const onProgress = (): Promise<void> => {
      setImmediate(() => controller.abort())
      return new Promise(() => {})
    }
    await usedManager().sweep({ onProgress, signal: controller.signal })
    expect(controller.signal.aborted).toBe(true)
  })

  test('a signal stops a sweep between two entries, and the next sweep goes on', async () => {
    const manager = usedManager()
    for (let n = 0; n < 40; n++) craftSession(manager.root, DEAD)
    const controller = new AbortController()
    const report = await manager.sweep({
      signal: controller.signal,
      onProgress: ({ done }) => {
        if (done === 3) controller.abort()
      },
    })
    expect(report.finished).toBe(false)
    expect(report.errors).toEqual([])
    expect(rooms(manager).sessions.length).toBeGreaterThan(0)
    expect((await manager.sweep()).finished).toBe(true)
    expect(rooms(manager).sessions).toEqual([])
  })

  test('a signal and a timeLimit stop a sweep in the midst of one large session', async () => {
    const manager = usedManager()
    const { path } = craftSession(manager.root, DEAD)
    for (let n = 0; n < 1000; n++) writeFileSync(join(path, `f${n}`), '')
    for (const options of [{ timeLimit: 1 }, { signal: AbortSignal.timeout(1) }]) {
      const report = await manager.sweep(options)
      expect(report).toMatchObject({ finished: false, errors: [] })
    }
    expect(await manager.sweep()).toMatchObject({ finished: true, errors: [] })
    expect(rooms(manager).sessions).toEqual([])
  })

  test('a sweep with an aborted signal removes nothing', async () => {
    const manager = usedManager()
    craftSession(manager.root, DEAD)
    expect(await manager.sweep({ signal: AbortSignal.abort() })).toMatchObject({ finished: false })
    expect(rooms(manager).sessions.length).toBe(1)
  })

  test('removeUnknownAfter is the only way to remove an unknown, and counts from its last sign of life', async () => {
    const ages: [RegExp, number][] = []
    const manager = usedManager({ fs: agedFileSystem(() => ages) })
    const unknown = craftSession(manager.root, UNKNOWN)
    const corrupt = craftSession(manager.root, { record: 'no' })
    ages.push([new RegExp(unknown.id), 3 * HOUR], [new RegExp(corrupt.id), HOUR / 2])
    expect((await manager.sweep()).sessionsRemoved).toBe(0)
    const report = await manager.sweep({ removeUnknownAfter: '2h' })
    expect(entryOf(report, unknown.name)?.reason).toBe(
      'not touched for longer than removeUnknownAfter (made on another host; see sharedVolume)',
    )
    expect(rooms(manager).sessions).toEqual([corrupt.name])
  })

  test('removeUnknownAfter removes no live owner, however old, nor one of another version whose lease answers', async () => {
    const base = tempBase()
    const live = usedManager({ baseDir: base })
    const future = usedManager({ baseDir: base })
    const record = join(String(future.sessionPath), 'owner.json')
    writeFileSync(record, JSON.stringify({ ...JSON.parse(fs.readFileSync(record, 'utf8')), v: 2 }))
    const manager = usedManager({ baseDir: base, fs: agedFileSystem(() => [[/\/s-/, 900 * HOUR]]) })
    const report = await manager.sweep({ removeUnknownAfter: '1h' })
    expect(report.sessionsRemoved).toBe(0)
    expect([live, future].map((one) => existsSync(String(one.sessionPath)))).toEqual([true, true])
  })

  test.each([{ timeLimit: 'soon' }, { removeUnknownAfter: -1 }, { onProgress: 'yes' }] as const)(
    'sweep() refuses the option %j',
    async (options) => {
      await failure('ERR_TEMP_OPTION_INVALID', () => usedManager().sweep(options as never)) // wrong on purpose
    },
  )

  test('a closed manager refuses to sweep', async () => {
    const manager = usedManager()
    await manager.close()
    await failure('ERR_TEMP_CLOSED', () => manager.sweep())
  })
})

describe('by age', () => {
  test('a draft over an hour old is removed with any content, a younger one is kept', async () => {
    const base = tempBase()
    const root = usedManager({ baseDir: base }).root
    const [old, young] = [
      craftSession(root, { prefix: '.new-', files: { x: 'x' } }),
      craftSession(root, { prefix: '.new-' }),
    ]
    const aged = usedManager({
      baseDir: base,
      fs: agedFileSystem(() => [
        [new RegExp(`${old.name}$`), HOUR + 60_000],
        [new RegExp(`${young.name}$`), HOUR - 60_000],
      ]),
    })
    const report = await aged.sweep()
    expect(entryOf(report, old.name)).toMatchObject({ kind: 'draft', action: 'removed' })
    expect(entryOf(report, young.name)).toMatchObject({ action: 'kept', reason: 'being made' })
    expect(existsSync(young.path)).toBe(true)
    expect(existsSync(old.path)).toBe(false)
  })

  test('a full disk, on which the volume cannot be asked the time, skips the age rules and nothing else', async () => {
    const full = agedFileSystem(() => [[/[\\/]\.new-/, 2 * HOUR]])
    const mkdirSync: FileSystem['mkdirSync'] = (path, options) => {
      if (/[\\/]\.new-/.test(String(path))) throw Object.assign(new Error('ENOSPC'), { code: 'ENOSPC' })
      return fs.mkdirSync(path, options)
    }
    const base = tempBase()
    const manager = usedManager({ baseDir: base })
    const draft = craftSession(manager.root, { prefix: '.new-' })
    const unknown = craftSession(manager.root, UNKNOWN)
    const dead = craftSession(manager.root, DEAD)
    const ticket = await (await manager.receive('late')).handOff({ ttl: 0 })
    const swept = tempManager({ baseDir: base, fs: { ...full, mkdirSync } })
    const report = await swept.sweep({ removeUnknownAfter: '1ms' })
    expect(report.errors).toEqual([])
    expect(entryOf(report, dead.name)?.action).toBe('removed')
    expect(rooms(manager).sessions.sort()).toEqual([draft.name, unknown.name].sort())
    expect(rooms(manager).handoffs).toEqual([ticket])
  })
})

describe('leases of dead processes', () => {
  test('an owner whose process is proved dead while its lease answers keeps its session', async () => {
    const manager = tempManager()
    const { path, name, id } = craftSession(manager.root, {
      owner: REUSED_PID,
      lease: 'none',
      files: { a: 'a' },
    })
    const lease = bindLease({ directory: path, id }, 'lease')
    onTestFinished(() => lease?.close())
    const record = JSON.parse(readFileSync(join(path, 'owner.json'), 'utf8')) as object // what was crafted
    writeFileSync(
      join(path, 'owner.json'),
      JSON.stringify({ ...record, lease: lease?.identity, lease2: undefined }),
    )
    const { items, sessionsRemoved } = await manager.sweep()
    expect(sessionsRemoved).toBe(0)
    expect(items.find((entry) => entry.name.endsWith(id))).toMatchObject({
      name: `sessions/${name}`,
      action: 'kept',
      reason: expect.stringMatching(/^owner alive .*lease answers/),
    })
    expect(readFileSync(join(path, 'a'), 'utf8')).toBe('a')
  })
})

describe('side by side', () => {
  test('eight sweeps at once remove each dead session once, report no error and keep the living', async () => {
    const base = tempBase()
    const managers = Array.from({ length: 8 }, () => usedManager({ baseDir: base }))
    const [first] = managers
    if (first === undefined) throw new Error('no manager')
    const dead = Array.from({ length: 60 }, () => craftSession(first.root, DEAD))
    const reports = await Promise.all(managers.map((manager) => manager.sweep()))
    expect(reports.flatMap((report) => report.errors)).toEqual([])
    for (const { name } of dead) {
      const removed = reports.filter((report) => entryOf(report, name)?.action === 'removed')
      expect(removed.length, name).toBe(1)
    }
    expect(reports.reduce((sum, report) => sum + report.bytes, 0)).toBeGreaterThanOrEqual(60 * 12)
    expect(readdirSync(join(first.root, 'sessions')).length).toBe(8)
  })

  test('an entry that disappears while it is judged is not an error', async () => {
    const base = tempBase()
    const root = usedManager({ baseDir: base }).root
    const dead = craftSession(root, DEAD)
    const lstatSync = ((path: string, options?: object) => {
      if (String(path).endsWith(dead.name)) fs.rmSync(path, { recursive: true, force: true })
      return options === undefined ? fs.lstatSync(path) : fs.lstatSync(path, options)
    }) as unknown as FileSystem['lstatSync'] // the overloads of an arrow function cannot be declared
    const report = await tempManager({ baseDir: base, fs: { ...fs, native: true, lstatSync } }).sweep()
    expect(report.errors).toEqual([])
    expect(entryOf(report, dead.name)?.action).toBe('left-to-others')
  })

  test('one entry that fails never stops the rest', async () => {
    const base = tempBase()
    const root = usedManager({ baseDir: base }).root
    const [stuck, ...others] = Array.from({ length: 20 }, () => craftSession(root, DEAD))
    const renameSync: FileSystem['renameSync'] = (from, to) => {
      if (String(from).includes(String(stuck?.id))) throw Object.assign(new Error('EIO'), { code: 'EIO' })
      fs.renameSync(from, to)
    }
    const manager = tempManager({ baseDir: base, fs: { ...fs, native: true, renameSync } })
    const report = await manager.sweep()
    expect(report.errors).toEqual([{ name: `sessions/${stuck?.name}`, message: 'EIO' }])
    expect(report.sessionsRemoved).toBe(others.length)
    expect((await tempManager({ baseDir: base }).sweep()).sessionsRemoved).toBe(1)
  })

  test('an entry that could not be deleted is reported as kept, and deleted by a later sweep', async () => {
    const base = tempBase()
    const root = usedManager({ baseDir: base }).root
    const dead = craftSession(root, DEAD)
    const unlinkSync: FileSystem['unlinkSync'] = (path) => {
      if (String(path).endsWith('tmp-1')) throw Object.assign(new Error('EBUSY'), { code: 'EBUSY' })
      fs.unlinkSync(path)
    }
    const manager = tempManager({ baseDir: base, fs: { ...fs, native: true, unlinkSync } })
    const report = await manager.sweep()
    expect(entryOf(report, dead.name)).toMatchObject({ action: 'kept' })
    expect(entryOf(report, dead.name)?.reason).toMatch(/not all of it could be removed: EBUSY/)
    expect(report).toMatchObject({ sessionsRemoved: 0, errors: [{ message: 'EBUSY' }] })
    expect(await tempManager({ baseDir: base }).sweep()).toMatchObject({ sessionsRemoved: 1, errors: [] })
    expect(readdirSync(join(root, 'sessions')).length).toBe(1)
  })
})

describe('an injected file system', () => {
  test('a sweep on an injected file system removes the session of a process whose pid was reused', async () => {
    const manager = usedManager({ fs: { ...fs, native: false } })
    const reused = craftSession(manager.root, DEAD)
    expect((await manager.sweep()).errors).toEqual([])
    expect(existsSync(reused.path)).toBe(false)
  })
})
