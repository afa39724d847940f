import { lstatSync, renameSync, utimesSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import type { FileSystem, TempFileManager } from '../../src/index.ts'
import { deadName } from '../../src/layout.ts'
import { failure } from '../fixtures/failures.ts'
import { namesIn, published } from '../fixtures/handoff-root.ts'
import { slashed } from '../fixtures/slashed.ts'
import { steppingDisk } from '../fixtures/stepping-disk.ts'
import { tempManager } from '../fixtures/temp-base.ts'

const HOUR = 3_600_000

/**
 * A volume whose clock is `ahead` milliseconds after what was written: each new `.new-` probe shows it. Every handoff shows
 * another boot, unless `sameBoot`, because within one boot the boot clock counts.
 */
function volume(state: { ahead: number; sameBoot?: boolean }): FileSystem {
  const disk = steppingDisk(() => {})
  return Object.assign(disk, {
    lstatSync(path: string, options?: object) {
      if (options !== undefined && 'bigint' in options) return lstatSync(path, { bigint: true })
      const stats = lstatSync(path, options)
      if (stats === undefined) return undefined
      if (slashed(path).includes('/.new-')) stats.ctimeMs += state.ahead
      if (slashed(path).includes('/attempt-') && state.sameBoot !== true) stats.atimeMs = 0
      return stats
    },
  })
}

type Work = (claim: { path: string }) => void

async function publish(manager: TempFileManager, ttl: string | number = '1h'): Promise<string> {
  const dir = manager.dir()
  for (const name of ['a', 'b', 'c']) writeFileSync(dir.join(name), name)
  return dir.handOff({ ttl, durable: false })
}

describe('the time to live', () => {
  it('a handoff whose time to live ends without a claim is deleted and reported by the next sweep', async () => {
    const clock = { ahead: 0 }
    const manager = tempManager({ fs: volume(clock) })
    const ticket = await publish(manager)
    clock.ahead = HOUR - 1000
    const early = await manager.sweep()
    expect(early.handoffsExpired).toEqual([])
    expect(early.items.find((entry) => entry.kind === 'handoff')).toMatchObject({
      action: 'kept',
      reason: 'waits for a claimant',
    })
    clock.ahead = HOUR + 1000
    const dry = await manager.sweep({ dryRun: true })
    expect(dry.items.find((entry) => entry.kind === 'handoff')).toMatchObject({ action: 'would-remove' })
    expect(published(manager.root)).toEqual([ticket])
    const report = await manager.sweep()
    expect(report.handoffsExpired).toEqual([ticket])
    expect(report.items.find((entry) => entry.kind === 'handoff')).toMatchObject({
      action: 'removed',
      files: 5,
      reason: 'its time to live is over',
    })
    expect(published(manager.root)).toEqual([])
    expect(namesIn(manager.root, 'sessions')).toHaveLength(1)
    await failure('ERR_TEMP_HANDOFF_GONE', () => manager.claim(ticket))
  })

  it.each<[string, (manager: TempFileManager, ticket: string, work: Work) => Promise<unknown>]>([
    [
      'a release',
      async (manager, ticket, work) => {
        const claim = await manager.claim(ticket)
        work(claim)
        await claim.release()
      },
    ],
    [
      'a scope that gave it back',
      async (manager, ticket, work) => {
        await using claim = await manager.claim(ticket)
        work(claim)
      },
    ],
    [
      'a close that gave it back',
      async (manager, ticket, work) => {
        const other = tempManager({ baseDir: join(manager.root, '..') })
        work(await other.claim(ticket))
        await other.close()
      },
    ],
  ])('the time to live starts again at %s', async (_, giveBack) => {
    const manager = tempManager()
    const ticket = await publish(manager)
    let before = 0
    await giveBack(manager, ticket, (claim) => {
      before = lstatSync(join(claim.path, '..', '..', 'attempt-1')).ctimeMs
      const probe = manager.file()
      // Until the volume's clock has ticked: a few milliseconds.
      while (lstatSync(probe.path).ctimeMs <= before) writeFileSync(probe.path, 'tick')
    })
    const after = lstatSync(join(manager.root, 'handoffs', ticket, 'attempt-1')).ctimeMs
    expect(after).toBeGreaterThan(before)
    const { ageMs, expiresInMs } = await manager.inspect(ticket)
    expect(ageMs).toBeLessThan(HOUR / 2)
    expect(expiresInMs).toBeGreaterThan(HOUR / 2)
  })

  it('the time to live counts from the end of publishing, not from its beginning', async () => {
    const state = { built: 0, touched: 0 }
    const manager = tempManager({
      fs: steppingDisk((call, path) => {
        if (call === 'open' && path.includes('attempt-0')) state.built++
        if (call === 'utimes' && path.includes('attempt-0')) {
          expect(state.built).toBe(1)
          state.touched++
        }
        if (call === 'rename' && state.built === 1 && slashed(path).includes('/handoffs/'))
          expect(state.touched).toBe(1)
      }),
    })
    await manager.file().handOff()
    expect(state).toEqual({ built: 1, touched: 1 })
  })

  it('the time to live ignores utimes, and does not end when the volume’s clock goes back', async () => {
    const clock = { ahead: 0 }
    const manager = tempManager({ fs: volume(clock) })
    const ticket = await publish(manager)
    utimesSync(join(manager.root, 'handoffs', ticket, 'attempt-0'), 1, 1)
    expect((await manager.sweep()).handoffsExpired).toEqual([])
    clock.ahead = -10 * HOUR
    expect((await manager.sweep()).handoffsExpired).toEqual([])
    expect(await manager.inspect(ticket)).toMatchObject({ ageMs: 0, expiresInMs: HOUR })
  })

  it('the time to live never ends while a claimant lives, however long that takes', async () => {
    const clock = { ahead: 0 }
    const manager = tempManager({ fs: volume(clock) })
    const sweeper = tempManager({ baseDir: join(manager.root, '..'), fs: volume(clock) })
    const ticket = await publish(manager, 1)
    const claim = await manager.claim(ticket)
    clock.ahead = 1000 * 24 * HOUR
    for (const report of [await sweeper.sweep(), await manager.sweep()])
      expect(report.handoffsExpired).toEqual([])
    expect(namesIn(claim.path)).toEqual(['a', 'b', 'c'])
    expect(await sweeper.inspect(ticket)).toMatchObject({ state: 'claimed', expiresInMs: undefined })
    await claim.complete()
  })

  it('a handoff whose time to live is over can be claimed while no sweep has come', async () => {
    const clock = { ahead: 0 }
    const manager = tempManager({ fs: volume(clock) })
    const ticket = await publish(manager)
    clock.ahead = 5 * HOUR
    expect(await manager.inspect(ticket)).toMatchObject({ state: 'available', expiresInMs: 0 })
    expect((await manager.claim(ticket)).attempt).toBe(1)
  })

  it('the time to live is the manager’s own when none is given, seven days when that has none', async () => {
    const manager = tempManager({ handoff: { ttl: '2h' } })
    const plain = tempManager()
    const [two, seven] = [await manager.file().handOff(), await plain.file().handOff()]
    expect((await manager.inspect(two)).expiresInMs).toBeCloseTo(2 * HOUR, -4)
    expect((await plain.inspect(seven)).expiresInMs).toBeCloseTo(7 * 24 * HOUR, -4)
  })

  it('no handoff expires on a full disk, where the volume’s clock cannot be asked', async () => {
    const clock = { ahead: 5 * HOUR }
    const fs = volume(clock)
    const manager = tempManager({ fs })
    const ticket = await publish(manager)
    const { mkdirSync } = fs
    fs.mkdirSync = () => {
      throw Object.assign(new Error('full'), { code: 'ENOSPC' })
    }
    expect((await manager.sweep()).handoffsExpired).toEqual([])
    fs.mkdirSync = mkdirSync
    expect((await manager.sweep()).handoffsExpired).toEqual([ticket])
  })
})

describe('suspected handoffs', () => {
  /** As a sweeper leaves it that was killed between its two looks. */
  function suspect(manager: TempFileManager, ticket: string): void {
    renameSync(join(manager.root, 'handoffs', ticket), join(manager.root, 'sessions', deadName(ticket)))
  }

  it('a handoff that was suspected too early is put back by the next claimant and claimed', async () => {
    const manager = tempManager()
    const ticket = await publish(manager)
    suspect(manager, ticket)
    expect(await manager.inspect(ticket)).toMatchObject({ state: 'available', files: 3 })
    expect(await manager.handoffs()).toMatchObject([{ ticket, state: 'available' }])
    expect((await manager.claim(ticket)).attempt).toBe(1)
  })

  it('a handoff that was suspected too early is put back by the next sweep', async () => {
    const manager = tempManager()
    const ticket = await publish(manager)
    suspect(manager, ticket)
    expect((await manager.sweep()).handoffsExpired).toEqual([])
    expect(published(manager.root)).toEqual([ticket])
  })

  it('a suspected handoff that is overdue is deleted by the next sweep, and GONE for the next claimant', async () => {
    const clock = { ahead: 0 }
    const manager = tempManager({ fs: volume(clock) })
    const [one, two] = [await publish(manager), await publish(manager)]
    suspect(manager, one)
    suspect(manager, two)
    clock.ahead = 2 * HOUR
    await failure('ERR_TEMP_HANDOFF_GONE', () => manager.claim(two))
    expect((await manager.sweep()).handoffsExpired).toEqual([one])
    expect(namesIn(manager.root, 'sessions')).toHaveLength(1)
  })

  it('a suspected handoff that was claimed and given back between the two looks is renamed back whole', async () => {
    const clock = { ahead: 2 * HOUR, given: 0 }
    const publisher = tempManager()
    const ticket = await publish(publisher)
    const disk = volume(clock)
    const sweeper = tempManager({
      baseDir: join(publisher.root, '..'),
      fs: Object.assign({}, disk, {
        renameSync(from: string, to: string) {
          renameSync(from, to)
          if (slashed(to).includes(`/.dead-${ticket}`)) clock.given = 2 * HOUR
        },
        lstatSync(path: string) {
          const stats = disk.lstatSync(path)
          if (slashed(path).includes('/attempt-'))
            Object.assign(stats, { ctimeMs: Number(lstatSync(path).ctimeMs) + clock.given })
          return stats
        },
      }),
    })
    const report = await sweeper.sweep()
    expect(clock.given, 'it was suspected').toBe(2 * HOUR)
    expect(report.handoffsExpired).toEqual([])
    expect(published(publisher.root)).toEqual([ticket])
    await publisher.withClaim(ticket, (claim) => expect(namesIn(claim.path)).toEqual(['a', 'b', 'c']))
  })
})
