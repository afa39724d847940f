// A small model of what must be there after any sequence of operations, and the comparison with the disk. Guarantee:
// entries, claims, handoffs and what was persisted are all looked at, after every step.

import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect } from 'vitest'
import { type TempDir, type TempFile, TempFileManager } from '../../src/index.ts'

export const MANAGERS = 3

export interface Entry {
  readonly by: number
  readonly handle: TempFile | TempDir
  readonly content: string
  kept: boolean
}

export interface Handoff {
  readonly content: string
  attempts: number
  /** The manager that has claimed it. */
  claimant: number | undefined
}

export interface Claimed {
  readonly by: number
  readonly ticket: string
  readonly handle: Awaited<ReturnType<TempFileManager['claim']>>
}

/** The entries that should exist. */
export interface Model {
  entries: Entry[]
  handoffs: Map<string, Handoff>
  claims: Claimed[]
  persisted: Map<string, string>
  /** Tickets that were completed. */
  gone: string[]
}

/** The entries that exist. */
export interface Real {
  readonly base: string
  readonly managers: TempFileManager[]
  steps: number
}

export function newManager(base: string): TempFileManager {
  return new TempFileManager({
    baseDir: base,
    name: 'model',
    signals: false,
    sweep: { onStart: false, every: false },
  })
}

function contentOf(entry: { readonly kind: string; readonly path: string }): string {
  return readFileSync(entry.kind === 'dir' ? join(entry.path, 'inside') : entry.path, 'utf8')
}

/** The disk against the model, after every command. */
export async function check(model: Model, real: Real): Promise<void> {
  real.steps++
  for (const { handle, content } of model.entries) {
    expect(handle.disposed).toBe(false)
    expect(contentOf(handle)).toBe(content)
  }
  for (const [path, content] of model.persisted)
    expect(contentOf({ kind: existsSync(join(path, 'inside')) ? 'dir' : 'file', path })).toBe(content)
  for (const { handle, ticket } of model.claims)
    expect(contentOf(handle)).toBe(model.handoffs.get(ticket)?.content)
  const [first] = real.managers
  const root = first?.root ?? ''
  const free = existsSync(join(root, 'handoffs')) ? readdirSync(join(root, 'handoffs')).sort() : []
  const expected = [...model.handoffs].filter(([, { claimant }]) => claimant === undefined)
  expect(free).toEqual(expected.map(([ticket]) => ticket).sort())
  for (const [n, manager] of real.managers.entries()) {
    const session = manager.sessionPath
    if (session === undefined) continue
    const own = model.entries.filter(({ by }) => by === n).length
    expect(readdirSync(session).filter((name) => name.startsWith('tmp-'))).toHaveLength(own)
    expect(manager.stats().entries).toBe(own + model.claims.filter(({ by }) => by === n).length)
  }
}

export function pick<T>(list: T[], n: number): T {
  const item = list[n % list.length]
  if (item === undefined) throw new Error('Nothing to pick: the command was not ready.')
  return item
}

export function at(real: Real, by: number): TempFileManager {
  return pick(real.managers, by)
}

export function take(model: Model, n: number): Entry {
  const entry = pick(model.entries, n)
  model.entries = model.entries.filter((other) => other !== entry)
  return entry
}

export function takeClaim(model: Model, n: number): Claimed {
  const claim = pick(model.claims, n)
  model.claims = model.claims.filter((other) => other !== claim)
  return claim
}

export function giveBack(model: Model, ticket: string): void {
  const handoff = model.handoffs.get(ticket)
  if (handoff !== undefined) handoff.claimant = undefined
}
