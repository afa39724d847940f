// The end of a session, step by step: suspected, judged again, condemned, deleted. One whose owner set preserve is kept,
// and one whose owner is alive gets its name back.

import fs, { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { errnoOf } from '../../src/errors.ts'
import type { FileSystem, TempFileManager } from '../../src/index.ts'
import { layoutOf, type Root } from '../../src/layout.ts'
import { condemnIfDead, removeIfDead } from '../../src/removal/condemn-if-dead.ts'
import { preserveSession } from '../../src/removal/kept.ts'
import { finishRemoval } from '../../src/removal/remove-session.ts'
import { type Crafted, craftSession, REUSED_PID } from '../fixtures/crafted-session.ts'
import { idOf } from '../fixtures/handoff-root.ts'
import { slashed } from '../fixtures/slashed.ts'
import { tempManager } from '../fixtures/temp-base.ts'

function rootOf(manager: TempFileManager, over: Partial<FileSystem> = {}): Root {
  return { fs: { ...fs, native: true, ...over }, native: true, layout: layoutOf(manager.root) }
}

/** A dead session with a claim and a tree in it. */
async function deadWithClaim(
  manager: TempFileManager,
  owner: Record<string, unknown> = {},
): Promise<Crafted & { ticket: string }> {
  const ticket = await (await manager.receive('payload')).handOff()
  const dead = craftSession(manager.root, { owner: { ...REUSED_PID, ...owner }, files: { a: 'aaaa' } })
  mkdirSync(join(dead.path, 'tree', 'deep'), { recursive: true })
  writeFileSync(join(dead.path, 'tree', 'deep', 'b'), 'bb')
  renameSync(join(manager.root, 'handoffs', ticket), join(dead.path, 'claims', ticket))
  return { ...dead, ticket }
}

const sessions = (manager: TempFileManager): string[] =>
  readdirSync(join(manager.root, 'sessions')).filter((name) => manager.sessionPath?.endsWith(name) !== true)

describe('a suspect', () => {
  test('that proves dead a second time is condemned, and deleted with its tree after its claims were given back', async () => {
    const manager = tempManager()
    const dead = await deadWithClaim(manager)
    const root = rootOf(manager)
    const decision = await condemnIfDead(root, { directory: dead.path, id: dead.id })
    if (decision.outcome !== 'condemned') throw new Error(decision.outcome)
    expect(sessions(manager)).toEqual([expect.stringMatching(/^\.gone-/)])
    const { claims, removed } = await finishRemoval(root, decision.condemned)
    expect(claims).toEqual({ returned: [dead.ticket], stuck: [] })
    expect(removed).toMatchObject({ directories: expect.any(Number), errors: [], kept: [] })
    expect(sessions(manager)).toEqual([])
    expect(readdirSync(join(manager.root, 'handoffs'))).toEqual([dead.ticket])
    expect((await manager.inspect(dead.ticket)).lastError).toMatch(
      /^its claimant ended without completing it/,
    )
  })

  test('that proves alive at the second look gets its name back', async () => {
    const manager = tempManager()
    const other = tempManager({ baseDir: join(manager.root, '..') })
    const file = other.file()
    writeFileSync(file.path, 'mine')
    const path = String(other.sessionPath)
    const seen: string[] = []
    const root = rootOf(manager, {
      renameSync: (from, to) => {
        seen.push(String(to).replace(/.*\/(\.dead|s-).*/, '$1'))
        fs.renameSync(from, to)
      },
    })
    const decision = await condemnIfDead(root, { directory: path, id: idOf(path) })
    expect(decision).toMatchObject({ outcome: 'kept', reason: expect.stringMatching(/^owner alive/) })
    expect(seen).toEqual(['.dead', 's-'])
    expect(readFileSync(file.path, 'utf8')).toBe('mine')
  })

  test('under a tombstone whose name was taken meanwhile is left and reported', async () => {
    const manager = tempManager()
    const unknown = craftSession(manager.root, { owner: { bootId: 'b', lease: undefined } })
    const tombstone = join(manager.root, 'sessions', `.dead-${unknown.id}-x`)
    renameSync(unknown.path, tombstone)
    mkdirSync(unknown.path)
    const decision = await condemnIfDead(rootOf(manager), { directory: tombstone, id: unknown.id })
    expect(decision).toMatchObject({
      outcome: 'kept',
      reason: expect.stringMatching(/its name was taken meanwhile/),
    })
    expect(sessions(manager).length).toBe(2)
  })

  test('that another process removed first is left to that process', async () => {
    const manager = tempManager()
    const dead = craftSession(manager.root, { owner: REUSED_PID })
    fs.rmSync(dead.path, { recursive: true })
    const place = { directory: dead.path, id: dead.id }
    expect(await condemnIfDead(rootOf(manager), place)).toEqual({ outcome: 'taken' })
    await expect(removeIfDead(rootOf(manager), place)).resolves.toBeUndefined()
  })
})

describe('a dead session whose owner set preserve', () => {
  test('moves to kept/, with its claims given back', async () => {
    const manager = tempManager()
    const dead = await deadWithClaim(manager, { preserve: true })
    const report = await manager.sweep()
    expect(report.items.find((entry) => entry.name.endsWith(dead.name))).toMatchObject({
      action: 'preserved',
    })
    expect(readFileSync(join(manager.root, 'kept', dead.id, 'tree', 'deep', 'b'), 'utf8')).toBe('bb')
    expect(readdirSync(join(manager.root, 'handoffs'))).toEqual([dead.ticket])
  })

  test('loses no claim when the sweeper dies right after the rename', async () => {
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

describe('a condemned session', () => {
  test('is deleted without being judged, also by three processes at once', async () => {
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

  test('loses a directory to a thread that renames it out whole or not at all', async () => {
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

  test('keeps a claim that cannot be given back until a later deletion, and nothing else', async () => {
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
})
