import { join } from 'node:path'
import { beforeAll, describe, expect, it } from 'vitest'
import { bundle } from '../fixtures/bundle.ts'
import { Child } from '../fixtures/child.ts'
import { namesIn, published } from '../fixtures/handoff-root.ts'
import { tempBase, tempManager } from '../fixtures/temp-base.ts'

const PROCESSES = 8

let programs = ''
beforeAll(async () => {
  programs = await bundle('handoff-racer')
})

/** Eight processes, each with its share of so many managers, ready to go. */
async function racers(baseDir: string, managers: number): Promise<{ child: Child; share: number }[]> {
  const made = Array.from({ length: PROCESSES }, (_, at) => ({
    child: new Child(join(programs, 'handoff-racer.cjs'), { args: [baseDir] }),
    share: Math.floor(managers / PROCESSES) + (at < managers % PROCESSES ? 1 : 0),
  }))
  for (const { child, share } of made) order(child, `open ${share}`)
  await Promise.all(made.map(({ child }) => child.line('READY')))
  return made
}

function order(child: Child, line: string): void {
  child.process.stdin?.write(`${line}\n`)
}

describe('eight processes', () => {
  it('of a hundred claimants in eight processes one gets the ticket, and the others CLAIMED, never GONE', async () => {
    const manager = tempManager()
    const ticket = await (await manager.receive('text')).handOff()
    const made = await racers(manager.root.slice(0, manager.root.lastIndexOf('/')), 100)
    for (const { child, share } of made) order(child, `race ${share} ${ticket}`)
    const outcomes = (await Promise.all(made.map(({ child }) => child.line('RACED')))).flatMap(
      (line) => JSON.parse(line) as string[], // the child's own list
    )
    expect(outcomes).toHaveLength(100)
    expect(outcomes.filter((outcome) => outcome === 'won 1')).toHaveLength(1)
    expect(outcomes.filter((outcome) => outcome === 'ERR_TEMP_HANDOFF_CLAIMED')).toHaveLength(99)
    for (const { child } of made) child.process.stdin?.end()
    for (const { child } of made) expect((await child.end).code).toBe(0)
    // The winner never completed it: its close gave it back.
    expect((await manager.claim(ticket)).attempt).toBe(2)
  }, 60_000)

  it('eight processes that drain a thousand tickets complete each exactly once', async () => {
    const baseDir = tempBase()
    const manager = tempManager({ baseDir })
    const tickets: string[] = []
    for (let at = 0; at < 1000; at++) tickets.push(await manager.file().handOff({ durable: false }))
    const made = await racers(baseDir, PROCESSES)
    for (const [at, { child }] of made.entries()) {
      // Each begins elsewhere, so that they meet in the middle of each other's work.
      const from = (at * 1000) / PROCESSES
      order(child, `drain ${[...tickets.slice(from), ...tickets.slice(0, from)].join(' ')}`)
    }
    const results = (await Promise.all(made.map(({ child }) => child.line('DRAINED')))).map(
      // The child's own record.
      (line) => JSON.parse(line) as { completed: string[]; others: Record<string, number> },
    )
    expect(results.flatMap(({ completed }) => completed).sort()).toEqual([...tickets].sort())
    for (const { others } of results)
      for (const code of Object.keys(others)) expect(code).toMatch(/^ERR_TEMP_HANDOFF_(CLAIMED|GONE)$/)
    for (const { child } of made) child.process.stdin?.end()
    for (const { child } of made) expect((await child.end).code).toBe(0)
    expect(published(manager.root)).toEqual([])
    expect(namesIn(manager.root, 'sessions')).toHaveLength(1)
  }, 60_000)
})
