// The end of a session, step by step: suspected, judged again, condemned, deleted; spared where its owner asked;
// given back where its owner lives.

import fs, { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { errnoOf } from '../../src/errors.ts'
import type { FileSystem, TempFileManager } from '../../src/index.ts'
import { layoutOf, type Root } from '../../src/layout.ts'
import { buryIfDead, finish, spare } from '../../src/removal/remove-session.ts'
import { type Crafted, craftSession, REUSED_PID } from '../fixtures/crafted-session.ts'
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
  test('that proves dead a second time is buried: claims back, tree gone, all counted', async () => {
    const manager = tempManager()
    const dead = await deadWithClaim(manager)
    const fate = await buryIfDead(rootOf(manager), { directory: dead.path, id: dead.id })
    expect(fate).toMatchObject({
      fate: 'buried',
      burial: { claims: { returned: [dead.ticket], stuck: [] }, removed: { errors: [], kept: [] } },
    })
    expect(sessions(manager)).toEqual([])
    expect(readdirSync(join(manager.root, 'handoffs'))).toEqual([dead.ticket])
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
    const fate = await buryIfDead(root, { directory: path, id: path.slice(path.indexOf('/s-') + 3) })
    expect(fate).toMatchObject({ fate: 'kept', reason: expect.stringMatching(/^owner alive/) })
    expect(seen).toEqual(['.dead', 's-'])
    expect(readFileSync(file.path, 'utf8')).toBe('mine')
  })

  test('under a tombstone whose name was taken meanwhile is left and reported', async () => {
    const manager = tempManager()
    const unknown = craftSession(manager.root, { owner: { bootId: 'b', lease: undefined } })
    const tombstone = join(manager.root, 'sessions', `.dead-${unknown.id}-x`)
    renameSync(unknown.path, tombstone)
    mkdirSync(unknown.path)
    const fate = await buryIfDead(rootOf(manager), { directory: tombstone, id: unknown.id })
    expect(fate).toMatchObject({
      fate: 'kept',
      reason: expect.stringMatching(/its name was taken meanwhile/),
    })
    expect(sessions(manager).length).toBe(2)
  })

  test('that somebody else took first is theirs', async () => {
    const manager = tempManager()
    const dead = craftSession(manager.root, { owner: REUSED_PID })
    fs.rmSync(dead.path, { recursive: true })
    expect(await buryIfDead(rootOf(manager), { directory: dead.path, id: dead.id })).toEqual({
      fate: 'taken',
    })
  })
})

describe('a dead session whose owner asked to keep it', () => {
  test('moves to kept/, with its claims given back', async () => {
    const manager = tempManager()
    const dead = await deadWithClaim(manager, { preserve: true })
    const report = await manager.sweep()
    expect(report.items.find((entry) => entry.name.endsWith(dead.name))).toMatchObject({ action: 'spared' })
    expect(readFileSync(join(manager.root, 'kept', dead.id, 'tree', 'deep', 'b'), 'utf8')).toBe('bb')
    expect(readdirSync(join(manager.root, 'handoffs'))).toEqual([dead.ticket])
  })

  test('loses no claim when the sweeper dies right after the rename', async () => {
    const manager = tempManager()
    const dead = await deadWithClaim(manager, { preserve: true })
    const root = rootOf(manager, {
      renameSync: (from, to) => {
        fs.renameSync(from, to)
        if (String(to).includes('/kept/')) throw new Error('killed here')
      },
    })
    expect(() => spare(root, dead.path, dead.id, 'preserve is set')).toThrow('killed here')
    expect((await manager.claim(dead.ticket)).attempt).toBe(1)
  })
})

describe('a condemned session', () => {
  test('is finished without being judged, by whoever finds it, as often as it takes', async () => {
    const manager = tempManager()
    const dead = await deadWithClaim(manager)
    const gone = join(manager.root, 'sessions', `.gone-${dead.id}-x`)
    renameSync(dead.path, gone)
    const root = rootOf(manager)
    const burials = await Promise.all([1, 2, 3].map(() => finish(root, gone)))
    expect(burials.flatMap((burial) => burial.removed.errors)).toEqual([])
    expect(burials.flatMap((burial) => burial.claims.returned)).toEqual([dead.ticket])
    expect(existsSync(gone)).toBe(false)
  })

  test('a directory that its thread still renames out of it is whole, or was never there', async () => {
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
    let before: string | undefined = '/tree' // the moment at which the thread comes
    const calls: Partial<FileSystem> = {
      renameSync: (from, to) => {
        if (before !== undefined && String(from).endsWith(before)) rescue()
        fs.renameSync(from, to)
      },
      readdirSync: (path, options) => {
        if (before === undefined && String(path).endsWith('/deep')) rescue()
        return fs.readdirSync(path, options as object)
      },
    }
    const root = rootOf(manager, calls)
    const burial = await finish(root, gone)
    expect(burial.removed.errors).toEqual([])
    expect(tries).toEqual(['whole'])
    expect(readFileSync(join(rescued, 'deep', 'b'), 'utf8')).toBe('bb')
    expect(existsSync(gone)).toBe(false)

    renameSync(rescued, join(manager.root, 'again'))
    mkdirSync(gone)
    renameSync(join(manager.root, 'again'), join(gone, 'tree'))
    before = undefined // once the deletion is under way it is too late
    await finish(root, gone)
    expect(tries).toEqual(['whole', 'ENOENT'])
    expect(existsSync(rescued)).toBe(false)
  })

  test('keeps its claims while one cannot be given back, and loses the rest', async () => {
    const manager = tempManager()
    const dead = await deadWithClaim(manager)
    const gone = join(manager.root, 'sessions', `.gone-${dead.id}-x`)
    renameSync(dead.path, gone)
    let broken = true
    const root = rootOf(manager, {
      renameSync: (from, to) => {
        if (broken && String(to).includes('/handoffs/'))
          throw Object.assign(new Error('EIO'), { code: 'EIO' })
        fs.renameSync(from, to)
      },
    })
    const burial = await finish(root, gone)
    expect(burial.claims.stuck).toEqual([{ name: dead.ticket, why: 'EIO' }])
    expect(readdirSync(gone)).toEqual(['claims'])
    broken = false
    expect((await finish(root, gone)).claims.returned).toEqual([dead.ticket])
    expect(existsSync(gone)).toBe(false)
  })
})
