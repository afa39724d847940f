// The end of a session: condemned, then deleted. One whose owner set preserve is kept.

import fs, { existsSync, mkdirSync, readdirSync, readFileSync, renameSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { errnoOf } from '../../src/errors.ts'
import type { FileSystem } from '../../src/index.ts'
import { preserveSession } from '../../src/removal/kept.ts'
import { finishRemoval, finishRemovalSync } from '../../src/removal/remove-session.ts'
import { craftSession, REUSED_PID } from '../fixtures/crafted-session.ts'
import { deadWithClaim, rootOf } from '../fixtures/dead-session.ts'
import { slashed } from '../fixtures/slashed.ts'
import { tempManager } from '../fixtures/temp-base.ts'

describe('preserved sessions', () => {
  test('a dead session whose owner set preserve moves to kept/, with its claims given back', async () => {
    const manager = tempManager()
    const dead = await deadWithClaim(manager, { preserve: true })
    const report = await manager.sweep()
    expect(report.items.find((entry) => entry.name.endsWith(dead.name))).toMatchObject({
      action: 'preserved',
    })
    expect(readFileSync(join(manager.root, 'kept', dead.id, 'tree', 'deep', 'b'), 'utf8')).toBe('bb')
    expect(readdirSync(join(manager.root, 'handoffs'))).toEqual([dead.ticket])
  })

  test('a session with preserve loses no claim when the sweeper dies right after its rename to kept/', async () => {
    const manager = tempManager()
    const dead = await deadWithClaim(manager, { preserve: true })
    const root = rootOf(manager, {
      renameSync: (from, to) => {
        fs.renameSync(from, to)
        if (slashed(to).includes('/kept/')) throw new Error('killed here')
      },
    })
    expect(() => preserveSession(root, dead.path, dead.id, 'preserve is set')).toThrow('killed here')
    expect((await manager.claim(dead.ticket)).attempt).toBe(1)
  })
})

describe('condemned sessions', () => {
  test('a condemned session is deleted without being judged, also by three removals at once', async () => {
    const manager = tempManager()
    const dead = await deadWithClaim(manager)
    const gone = join(manager.root, 'sessions', `.gone-${dead.id}-x`)
    renameSync(dead.path, gone)
    const root = rootOf(manager)
    const removals = await Promise.all([1, 2, 3].map(() => finishRemoval(root, { path: gone })))
    expect(removals.flatMap(({ removed }) => removed.errors)).toEqual([])
    expect(removals.flatMap(({ claims }) => claims.returned)).toEqual([dead.ticket])
    expect(existsSync(gone)).toBe(false)
  })

  test('the loop turns while the claims of a condemned session go back, however slow the disk is', async () => {
    const manager = tempManager()
    const dead = craftSession(manager.root, { owner: REUSED_PID })
    for (let count = 0; count < 8; count++) {
      const ticket = await manager.file().handOff({ durable: false })
      renameSync(join(manager.root, 'handoffs', ticket), join(dead.path, 'claims', ticket))
    }
    const gone = join(manager.root, 'sessions', `.gone-${dead.id}-x`)
    renameSync(dead.path, gone)
    let turn = 0
    const turnsOfRenames = new Set<number>()
    const root = rootOf(manager, {
      renameSync: (from, to) => {
        turnsOfRenames.add(turn)
        for (const end = performance.now() + 10; performance.now() < end; ); // longer than a slice
        fs.renameSync(from, to)
      },
    })
    const count = (): void => {
      turn++
      next = setImmediate(count)
    }
    let next = setImmediate(count)
    const { claims } = await finishRemoval(root, { path: gone })
    clearImmediate(next)
    expect(claims.returned.length).toBe(8)
    expect(turnsOfRenames.size).toBe(8)
  })

  test('a condemned session without files of its own is deleted by one listing of its directory', () => {
    const manager = tempManager()
    const gone = join(manager.root, 'sessions', '.gone-x')
    renameSync(craftSession(manager.root, { owner: REUSED_PID }).path, gone)
    const listed: string[] = []
    const root = rootOf(manager, {
      readdirSync: (path, options) => {
        listed.push(slashed(path).replace(slashed(gone), ''))
        return fs.readdirSync(path, options as object)
      },
    })
    const { removed } = finishRemovalSync(root, gone)
    expect(removed.errors).toEqual([])
    expect(existsSync(gone)).toBe(false)
    expect(listed.filter((path) => path === '')).toHaveLength(1)
  })

  test('a thread that renames a directory out of a condemned session gets it whole or not at all', async () => {
    const manager = tempManager()
    const dead = await deadWithClaim(manager)
    const gone = join(manager.root, 'sessions', `.gone-${dead.id}-x`)
    renameSync(dead.path, gone)
    const rescued = join(manager.root, 'rescued')
    const tries: unknown[] = []
    const rescue = (): void => {
      try {
        renameSync(join(gone, 'tree'), rescued)
        tries.push('whole')
      } catch (error) {
        tries.push(errnoOf(error))
      }
    }
    let before: string | undefined = '/tree' // the call before which the thread renames
    const calls: Partial<FileSystem> = {
      renameSync: (from, to) => {
        if (before !== undefined && slashed(from).endsWith(before)) rescue()
        fs.renameSync(from, to)
      },
      readdirSync: (path, options) => {
        if (before === undefined && slashed(path).endsWith('/deep')) rescue()
        return fs.readdirSync(path, options as object)
      },
    }
    const root = rootOf(manager, calls)
    const { removed } = await finishRemoval(root, { path: gone })
    expect(removed.errors).toEqual([])
    expect(tries).toEqual(['whole'])
    expect(readFileSync(join(rescued, 'deep', 'b'), 'utf8')).toBe('bb')
    expect(existsSync(gone)).toBe(false)

    renameSync(rescued, join(manager.root, 'again'))
    mkdirSync(gone)
    renameSync(join(manager.root, 'again'), join(gone, 'tree'))
    before = undefined // once the deletion has started it is too late
    await finishRemoval(root, { path: gone })
    expect(tries).toEqual(['whole', 'ENOENT'])
    expect(existsSync(rescued)).toBe(false)
  })

  test('a condemned session keeps only a claim that cannot be given back, until a later deletion', async () => {
    const manager = tempManager()
    const dead = await deadWithClaim(manager)
    const gone = join(manager.root, 'sessions', `.gone-${dead.id}-x`)
    renameSync(dead.path, gone)
    let broken = true
    const root = rootOf(manager, {
      renameSync: (from, to) => {
        if (broken && slashed(to).includes('/handoffs/'))
          throw Object.assign(new Error('EIO'), { code: 'EIO' })
        fs.renameSync(from, to)
      },
    })
    const { claims } = await finishRemoval(root, { path: gone })
    expect(claims.stuck).toEqual([{ name: dead.ticket, why: 'EIO' }])
    expect(readdirSync(gone)).toEqual(['claims'])
    broken = false
    expect((await finishRemoval(root, { path: gone })).claims.returned).toEqual([dead.ticket])
    expect(existsSync(gone)).toBe(false)
  })

  test('a condemned session loses no claim while a network file system lists its directory as empty', async () => {
    const manager = tempManager()
    const dead = await deadWithClaim(manager)
    const gone = join(manager.root, 'sessions', `.gone-${dead.id}-x`)
    renameSync(dead.path, gone)
    let stale = true
    const root = rootOf(manager, {
      readdirSync: (path, options) => {
        if (!stale || path !== gone) return fs.readdirSync(path, options as object)
        stale = false
        return []
      },
    })
    await finishRemoval(root, { path: gone })
    expect(stale).toBe(false)
    expect(readdirSync(gone)).toEqual(['claims'])
    expect((await finishRemoval(root, { path: gone })).claims.returned).toEqual([dead.ticket])
    expect(existsSync(gone)).toBe(false)
  })
})
