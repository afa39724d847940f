// A session that is suspected, judged again, and condemned; one whose owner is alive gets its name back.

import fs, { mkdirSync, readdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import type { TempFileManager } from '../../src/index.ts'
import { condemnIfDead, removeIfDead } from '../../src/removal/condemn-if-dead.ts'
import { finishRemoval } from '../../src/removal/remove-session.ts'
import { craftSession, REUSED_PID } from '../fixtures/crafted-session.ts'
import { deadWithClaim, rootOf } from '../fixtures/dead-session.ts'
import { idOf } from '../fixtures/handoff-root.ts'
import { tempManager } from '../fixtures/temp-base.ts'

const sessions = (manager: TempFileManager): string[] =>
  readdirSync(join(manager.root, 'sessions')).filter((name) => manager.sessionPath?.endsWith(name) !== true)

describe('suspects', () => {
  test('a suspect that proves dead again is condemned and deleted, and its claims are given back', async () => {
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

  test('a suspect that proves alive at the second look gets its name back', async () => {
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

  test('a suspect under a tombstone whose name was taken meanwhile is left and reported', async () => {
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

  test('a suspect that another process removed first is left to that process', async () => {
    const manager = tempManager()
    const dead = craftSession(manager.root, { owner: REUSED_PID })
    fs.rmSync(dead.path, { recursive: true })
    const place = { directory: dead.path, id: dead.id }
    expect(await condemnIfDead(rootOf(manager), place)).toEqual({ outcome: 'taken' })
    await expect(removeIfDead(rootOf(manager), place)).resolves.toBeUndefined()
  })
})
