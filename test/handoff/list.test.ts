import { mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { hostname } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import type { HandoffInfo, TempFileManager } from '../../src/index.ts'
import { deadWithClaim } from '../fixtures/dead-session.ts'
import { slashed } from '../fixtures/slashed.ts'
import { steppingDisk } from '../fixtures/stepping-disk.ts'
import { tempBase, tempManager } from '../fixtures/temp-base.ts'

/** The four lists of handoffs must agree. */
const places: [string, (manager: TempFileManager) => Promise<readonly HandoffInfo[]>][] = [
  ['handoffs()', (manager) => manager.handoffs()],
  ['usage()', async (manager) => (await manager.usage()).handoffs],
  ['the sweep’s report', async (manager) => (await manager.sweep()).handoffs],
  [
    'inspect()',
    async (manager) => Promise.all((await manager.handoffs()).map(({ ticket }) => manager.inspect(ticket))),
  ],
]

describe.each(places)('%s', (_, list) => {
  it('a handoff whose data is missing is shown as corrupt, not as claimable', async () => {
    const manager = tempManager()
    const ticket = await (await manager.receive('text', { name: 'a.txt' })).handOff()
    rmSync(join(manager.root, 'handoffs', ticket, 'data', 'a.txt'))
    const problem = 'it names a file that is not there'
    expect(await list(manager)).toMatchObject([{ ticket, state: 'corrupt', claimable: false, problem }])
  })

  it('a claimed handoff whose data is being moved is shown as claimed, since a whole millisecond', async () => {
    const manager = tempManager()
    const claim = await manager.claim(await (await manager.receive('text', { name: 'a.txt' })).handOff())
    renameSync(claim.path, join(tempBase(), 'moved'))
    const [info] = await list(manager)
    expect(info).toMatchObject({ state: 'claimed', problem: undefined })
    expect(Number.isInteger(info?.claimant?.claimedAtMs)).toBe(true)
  })

  it('a handoff whose claimant was killed in the middle of handOff() is not shown as corrupt', async () => {
    const manager = tempManager()
    const { path, ticket } = await deadWithClaim(manager)
    const claim = join(path, 'claims', ticket)
    mkdirSync(join(claim, '.pub-new'))
    renameSync(join(claim, 'data'), join(claim, '.pub-new', 'data'))
    mkdirSync(join(claim, 'data'))
    expect(await list(manager)).toMatchObject([{ ticket, state: 'available', problem: undefined }])
  })

  it('age, size, attempts, claimant and expiry of free and of claimed handoffs are shown', async () => {
    const baseDir = tempBase()
    const [publisher, worker] = [tempManager({ baseDir }), tempManager({ baseDir })]
    const dir = publisher.dir({ name: 'frames' })
    writeFileSync(dir.join('one'), 'x'.repeat(1000))
    writeFileSync(dir.join('two'), 'y'.repeat(24))
    const free = await dir.handOff({ ttl: '1h', meta: { job: 1 } })
    const held = await (await publisher.receive('text', { name: 'a.txt' })).handOff()
    await (await worker.claim(held)).release()
    await worker.claim(held)
    const infos = [...(await list(publisher))]
    expect(infos).toHaveLength(2)
    const [one, two] = [
      infos.find((info) => info.ticket === free),
      infos.find((info) => info.ticket === held),
    ]
    expect(one).toMatchObject({
      state: 'available',
      kind: 'dir',
      name: 'frames',
      files: 2,
      bytes: 1024,
      meta: { job: 1 },
      attempts: 0,
      claimant: undefined,
      problem: undefined,
    })
    expect(one?.ageMs).toBeGreaterThanOrEqual(0)
    expect(one?.expiresInMs).toBeLessThanOrEqual(3_600_000)
    expect(one?.expiresInMs).toBeGreaterThan(3_500_000)
    expect(two).toMatchObject({
      state: 'claimed',
      kind: 'file',
      name: 'a.txt',
      bytes: 4,
      attempts: 2,
      expiresInMs: undefined,
      claimant: { pid: process.pid, hostname: hostname() },
    })
    expect(Math.abs((two?.claimant?.claimedAtMs ?? 0) - Date.now())).toBeLessThan(60_000)
    expect(Math.abs((two?.publishedAtMs ?? 0) - Date.now())).toBeLessThan(60_000)
  })
})

/** A handoff, and the two directories between which a claim of its publisher moves it. */
async function published() {
  const baseDir = tempBase()
  const owner = tempManager({ baseDir })
  owner.file()
  const ticket = await (await owner.receive('text', { name: 'a.txt' })).handOff()
  const free = join(owner.root, 'handoffs', ticket)
  const claim = join(owner.sessionPath ?? '', 'claims', ticket)
  return { baseDir, owner, ticket, free, claim }
}

describe('looking without claiming', () => {
  it.each(places)(
    '%s goes on when a handoff is claimed between the look at its data and at its file',
    async (_, list) => {
      const { baseDir, ticket, free, claim } = await published()
      let moves = 0
      const disk = steppingDisk(() => {})
      const { lstatSync } = disk
      Object.assign(disk, {
        lstatSync(...given: readonly unknown[]): unknown {
          if (String(given[0]).endsWith('a.txt') && moves++ === 0) renameSync(free, claim)
          return Reflect.apply(lstatSync, disk, given)
        },
      })
      const infos = await list(tempManager({ baseDir, fs: disk }))
      expect(infos.map((info) => info.ticket)).toEqual([ticket])
      expect(moves).toBeGreaterThan(0)
    },
  )

  it('inspect() and handoffs() neither miss nor call corrupt a handoff that moves meanwhile', async () => {
    const { baseDir, owner, ticket, free, claim } = await published()
    // Between the look at the directory and the look into its record it is claimed; at the next, it comes back.
    let moves = 0
    const disk = steppingDisk(() => {})
    const { openSync } = disk
    disk.openSync = (path, flags, mode) => {
      if (slashed(path).endsWith('/handoff.json') && moves < 3) {
        if (moves++ % 2 === 0) renameSync(free, claim)
        else renameSync(claim, free)
      }
      return openSync(path, flags, mode)
    }
    const watcher = tempManager({ baseDir, fs: disk })
    expect(await watcher.inspect(ticket)).toMatchObject({ bytes: 4, problem: undefined })
    expect(moves).toBeGreaterThan(0)
    moves = 0
    if ((await owner.inspect(ticket)).state === 'claimed') renameSync(claim, free)
    expect(await watcher.handoffs()).toMatchObject([{ ticket, problem: undefined }])
    expect(moves).toBeGreaterThan(0)
  })

  const calls = ['openSync of its record', 'readdir of its data', 'readdirSync of its counter'] as const
  const looks: [string, (manager: TempFileManager, ticket: string) => Promise<readonly HandoffInfo[]>][] = [
    ['handoffs()', (manager) => manager.handoffs()],
    ['inspect()', async (manager, ticket) => [await manager.inspect(ticket)]],
    ['usage()', async (manager) => (await manager.usage()).handoffs],
  ]
  const clocks = ['exact', 'coarse'] as const
  const cases = looks.flatMap(([name, look]) =>
    calls.flatMap((call) => clocks.map((clock) => [name, call, clock, look] as const)),
  )
  it.each(cases)(
    '%s shows a handoff whole that is claimed and given back at the %s, where the clock is %s',
    async (_, call, clock, look) => {
      const baseDir = tempBase()
      const owner = tempManager({ baseDir })
      const ticket = await (await owner.receive('text', { name: 'a.txt' })).handOff()
      const [free, away] = [join(owner.root, 'handoffs', ticket), join(tempBase(), ticket)]
      const disk = steppingDisk(() => {})
      let moves = 0
      const meanwhile = <T>(path: unknown, end: string, run: () => T): T => {
        if (!slashed(String(path)).endsWith(end) || moves++ > 0) return run()
        renameSync(free, away)
        try {
          return run()
        } finally {
          renameSync(away, free)
        }
      }
      const { openSync, readdirSync, lstatSync } = disk
      if (call === calls[0])
        disk.openSync = (path, flags, mode) =>
          meanwhile(path, '/handoff.json', () => openSync(path, flags, mode))
      if (call === calls[1])
        Object.assign(disk.promises, {
          // Synchronous, so that it is over when the handoff comes back.
          readdir: async (path: unknown, options: unknown) =>
            meanwhile(path, `${ticket}/data`, () => Reflect.apply(readdirSync, disk, [path, options])),
        })
      if (call === calls[2])
        Object.assign(disk, {
          readdirSync: (...given: readonly unknown[]): unknown =>
            meanwhile(given[0], `/handoffs/${ticket}`, () => Reflect.apply(readdirSync, disk, given)),
        })
      if (clock === 'coarse')
        Object.assign(disk, {
          lstatSync(...given: readonly unknown[]): unknown {
            const stats: unknown = Reflect.apply(lstatSync, disk, given)
            return typeof stats === 'object' && stats !== null ? Object.assign(stats, { ctimeMs: 1 }) : stats
          },
        })
      expect(await look(tempManager({ baseDir, fs: disk }), ticket)).toMatchObject([
        { ticket, state: 'available', ageMs: expect.any(Number), files: 1, bytes: 4, problem: undefined },
      ])
      expect(moves).toBeGreaterThan(0)
    },
  )

  it('handoffs() counts the files of a directory that is claimed and given back while they are counted', async () => {
    const baseDir = tempBase()
    const owner = tempManager({ baseDir })
    const dir = owner.dir({ name: 'frames' })
    for (const name of ['one', 'two']) writeFileSync(dir.join(name), 'x')
    const ticket = await dir.handOff()
    const [free, away] = [join(owner.root, 'handoffs', ticket), join(tempBase(), ticket)]
    const disk = steppingDisk(() => {})
    const { readdirSync } = disk
    let moves = 0
    Object.assign(disk.promises, {
      // Synchronous, so that it is over when the handoff comes back.
      readdir: async (path: unknown, options: unknown) => {
        const isGone = slashed(String(path)).endsWith('/data/frames') && moves++ === 0
        if (isGone) renameSync(free, away)
        try {
          return Reflect.apply(readdirSync, disk, [path, options])
        } finally {
          if (isGone) renameSync(away, free)
        }
      },
    })
    const [info] = await tempManager({ baseDir, fs: disk, sweep: { onStart: false } }).handoffs()
    expect(info).toMatchObject({ ticket, files: 2, bytes: 2 })
    expect(moves).toBeGreaterThan(1)
  })

  it('handoffs() lists a handoff that is given back after the free ones were listed', async () => {
    const { baseDir, ticket, free, claim } = await published()
    renameSync(free, claim)
    let moves = 0
    const disk = steppingDisk(() => {})
    const { readdirSync } = disk
    Object.assign(disk, {
      readdirSync(...given: readonly unknown[]): unknown {
        if (slashed(String(given[0])).endsWith('/sessions') && moves++ === 0) renameSync(claim, free)
        return Reflect.apply(readdirSync, disk, given)
      },
    })
    const infos = await tempManager({ baseDir, fs: disk, sweep: { onStart: false } }).handoffs()
    expect(infos.map((info) => info.ticket)).toEqual([ticket])
    expect(moves).toBeGreaterThan(0)
  })
})

it('a handoff whose claimant was killed in the middle of persist() is not listed: it was completed', async () => {
  const manager = tempManager()
  const { path, ticket } = await deadWithClaim(manager)
  renameSync(join(path, 'claims', ticket, 'data'), join(tempBase(), 'moved'))
  mkdirSync(join(path, 'claims', ticket, 'data'))
  expect(await manager.handoffs()).toEqual([])
  expect((await manager.usage()).handoffs).toEqual([])
  await expect(manager.inspect(ticket)).rejects.toThrow(
    expect.objectContaining({ code: 'ERR_TEMP_HANDOFF_GONE' }),
  )
})
