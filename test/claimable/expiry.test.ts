// Handoffs without a claimant. Ages are injected at lstat: a ctime is the kernel's, no utimes sets it back.

import fs, { existsSync, readdirSync, readFileSync, renameSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { expire, isOverdue, settleExpiry, stateOf } from '../../src/claimable/expiry.ts'
import type { FileSystem, TempFileManager } from '../../src/index.ts'
import { layoutOf } from '../../src/layout.ts'
import { agedFileSystem } from '../fixtures/crafted-session.ts'
import { tempBase, tempManager } from '../fixtures/temp-base.ts'

const HOUR = 3_600_000
/** Of the race; under Wine a round takes more than a second. */
const ROUNDS = process.platform === 'win32' ? 10 : 40

interface World {
  readonly manager: TempFileManager
  readonly ticket: string
  readonly published: string
  /** How old the attempt file shows itself. */
  readonly setAge: (milliseconds: number) => void
}

async function world(ttl: string | number): Promise<World> {
  const base = tempBase()
  let age = 0
  const manager = tempManager({ baseDir: base, fs: agedFileSystem(() => [[/\/attempt-\d+$/, age]]) })
  const ticket = await (await manager.receive('payload')).handOff({ ttl })
  const published = join(manager.root, 'handoffs', ticket)
  return {
    manager,
    ticket,
    published,
    setAge: (milliseconds) => {
      age = milliseconds
    },
  }
}

describe('published handoffs', () => {
  test('a published handoff waits for its time to live, then the next sweep removes it', async () => {
    const { manager, ticket, published, setAge } = await world('2h')
    setAge(2 * HOUR - 60_000)
    expect((await manager.sweep()).handoffsExpired).toEqual([])
    setAge(2 * HOUR + 60_000)
    expect((await manager.sweep({ dryRun: true })).handoffsExpired).toEqual([])
    expect(existsSync(published)).toBe(true)
    const report = await manager.sweep()
    expect(report.handoffsExpired).toEqual([ticket])
    expect(report.items.find((entry) => entry.name === `handoffs/${ticket}`)).toMatchObject({
      kind: 'handoff',
      action: 'removed',
      reason: 'its time to live is over',
      bytes: expect.any(Number),
    })
    expect(report.bytes).toBeGreaterThanOrEqual('payload'.length)
    expect(report.sessionsRemoved).toBe(0)
    expect(existsSync(published)).toBe(false)
  })

  test('a handoff that is overdue but not removed yet may be claimed', async () => {
    const { manager, ticket, setAge } = await world('1h')
    setAge(5 * HOUR)
    expect((await manager.claim(ticket)).attempt).toBe(1)
    expect((await manager.sweep()).handoffsExpired).toEqual([])
  })

  test('a handoff starts its time to live again when its claim is released', async () => {
    const { manager, ticket, published } = await world('1h')
    const before = fs.lstatSync(join(published, 'attempt-0')).ctimeMs
    await (await manager.claim(ticket)).release()
    expect(fs.lstatSync(join(published, 'attempt-1')).ctimeMs).toBeGreaterThan(before)
  })

  test('a handoff of any age is kept when its record or its counter cannot be read', async () => {
    const { manager, published, setAge } = await world('1h')
    setAge(100 * HOUR)
    fs.rmSync(join(published, 'attempt-0'))
    expect((await manager.sweep()).handoffsExpired).toEqual([])
    fs.writeFileSync(join(published, 'handoff.json'), '{')
    expect((await manager.sweep()).handoffsExpired).toEqual([])
    fs.rmSync(join(published, 'handoff.json'))
    const report = await manager.sweep()
    expect(report.errors).toEqual([])
    expect(report.items.at(-1)?.reason).toBe('it has no record')
    expect(readdirSync(join(published, 'data')).length).toBe(1)
  })
})

describe('the second look', () => {
  test('expire() renames a handoff back that was claimed and given back between the look and the rename', async () => {
    const { manager, ticket, published, setAge } = await world('1h')
    const layout = layoutOf(manager.root)
    setAge(5 * HOUR)
    const aged = agedFileSystem(() => [[/\/handoffs\/.*attempt/, 5 * HOUR]]) // young again once renamed
    const root = { fs: aged, native: true, layout }
    const clocks = { boot: { boot: 1, uptimeMs: HOUR }, volume: Date.now() }
    expect(isOverdue(stateOf(root, published, ticket), clocks)).toBe(true)
    expect(expire(root, ticket, clocks)).toBeUndefined()
    expect(readdirSync(join(manager.root, 'handoffs'))).toEqual([ticket])
    expect(readFileSync((await manager.claim(ticket)).path, 'utf8')).toBe('payload')
  })

  test('a sweep finishes, or takes back, a tombstone that a killed sweeper left', async () => {
    for (const [age, expired] of [
      [2 * HOUR, true],
      [0, false],
    ] as const) {
      const { manager, ticket, published, setAge } = await world('1h')
      manager.file()
      setAge(age)
      renameSync(published, join(manager.root, 'sessions', `.dead-${ticket}-x`))
      const report = await manager.sweep()
      expect(report.handoffsExpired).toEqual(expired ? [ticket] : [])
      expect(readdirSync(join(manager.root, 'handoffs'))).toEqual(expired ? [] : [ticket])
      expect(readdirSync(join(manager.root, 'sessions')).length).toBe(1)
    }
  })

  test('settleExpiry() puts the tombstone back when the volume cannot be asked the time', async () => {
    const { manager, ticket, published } = await world('1h')
    const layout = layoutOf(manager.root)
    const tombstone = join(layout.sessions, `.dead-${ticket}-x`)
    renameSync(published, tombstone)
    expect(
      settleExpiry({ fs, native: true, layout }, tombstone, ticket, { boot: undefined, volume: undefined }),
    ).toBeUndefined()
    expect(existsSync(published)).toBe(true)
  })

  test('a claimant finds a handoff in its tombstone and gets it', async () => {
    const { manager, ticket, published } = await world('1h')
    renameSync(published, join(manager.root, 'sessions', `.dead-${ticket}-x`))
    expect((await manager.claim(ticket)).ticket).toBe(ticket)
  })
})

test('expiry against claims: one of them wins, never both, and never half a handoff', async () => {
  const base = tempBase()
  const late: FileSystem = agedFileSystem(() => [[/\/attempt-\d+$/, HOUR]])
  const sweepers = [1, 2].map(() => tempManager({ baseDir: base, fs: late }))
  const claimants = [1, 2].map(() => tempManager({ baseDir: base }))
  const [maker] = claimants
  let claimed = 0
  let expired = 0
  for (let round = 0; round < ROUNDS; round++) {
    const ticket = (await (await maker?.receive('payload'))?.handOff({ ttl: '1m', durable: false })) ?? ''
    const outcomes = await Promise.all([
      ...sweepers.map((sweeper) => sweeper.sweep().then((report) => report.handoffsExpired.includes(ticket))),
      ...claimants.map((claimant) =>
        claimant.claim(ticket).then(
          (claim) => readFileSync(claim.path, 'utf8'),
          () => false,
        ),
      ),
    ])
    const won = outcomes.filter((outcome) => outcome !== false)
    expect(won.length, JSON.stringify(outcomes)).toBe(1)
    if (won[0] === true) expired++
    else claimed++
    if (won[0] !== true) expect(won[0]).toBe('payload')
  }
  expect(claimed + expired).toBe(ROUNDS)
})
