// Operations of every kind, started and not awaited, then process.exit 0 to 250 us later, in the main thread and
// in worker threads. TORTURE_ROUNDS is the number of each (npm run torture: 1000).

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { beforeAll, expect, test } from 'vitest'
import { TempFileManager } from '../../src/index.ts'
import { builtPackage } from '../fixtures/built.ts'
import { tempBase } from '../fixtures/temp-base.ts'

const ROUNDS = Number(process.env['TORTURE_ROUNDS'] ?? 12)
const SIZE = 100_000
const program = fileURLToPath(new URL('../fixtures/children/torture.mjs', import.meta.url))

let built: string
beforeAll(async () => {
  built = join(await builtPackage(), 'index.js')
})

/** Runs one process; returns the tickets of which each round was promised that they are published. */
async function run(args: string[]): Promise<string[][]> {
  const child = spawn(process.execPath, [program, ...args], { stdio: ['ignore', 'pipe', 'inherit'] })
  let output = ''
  child.stdout.on('data', (data) => {
    output += String(data)
  })
  const [code, signal] = await once(child, 'close')
  expect([code, signal]).toEqual([0, null])
  return output
    .trim()
    .split('\n')
    .map((line) => line.split(' '))
}

/** Whole or absent, and after a sweep nothing of the dead. */
async function verify(base: string, promised: string[][]): Promise<void> {
  await using manager = new TempFileManager({ baseDir: base, sweep: { onStart: false, every: false } })
  await manager.sweep()
  expect(readdirSync(join(manager.root, 'sessions')), 'sessions after a sweep').toEqual([])
  const published = await manager.handoffs()
  for (const handoff of published) {
    expect(handoff.state, handoff.problem).toBe('available')
    expect(handoff.bytes, 'a handoff is whole').toBe((handoff.meta as { size: number }).size) // as torture.mjs gives it
  }
  const there = new Set(published.map((handoff) => handoff.ticket))
  for (const [held = '', , claimed = ''] of promised) {
    // A handoff that was given back, or whose claimant died, is there for the next; the others may be completed.
    expect(there.has(held), 'a claim that was held is given back').toBe(true)
    expect(there.has(claimed), 'a claim under way is given back').toBe(true)
  }
  for (const name of readdirSync(join(base, 'out')))
    expect(statSync(join(base, 'out', name)).size, `${name} is whole`).toBe(SIZE)
  for (const ticket of there)
    await manager.withClaim(ticket, (claim) => {
      if (claim.kind === 'file') expect(statSync(claim.path).size).toBe(SIZE)
      else expect(readdirSync(claim.join('a'))).toHaveLength(5)
    })
  expect(await manager.handoffs()).toEqual([])
}

test(`${ROUNDS} processes that exit in the midst of everything leave nothing half done`, {
  timeout: 900_000,
}, async () => {
  const base = tempBase()
  const promised: string[][] = []
  for (let round = 0; round < ROUNDS; round += 2)
    for (const result of await Promise.all([
      run([built, base, String(round)]),
      run([built, base, String(round + 1)]),
    ]))
      promised.push(...result)
  expect(promised.length).toBeGreaterThanOrEqual(ROUNDS)
  await verify(base, promised)
})

test(`${ROUNDS} threads that exit in the midst of everything leave nothing half done`, {
  timeout: 900_000,
}, async () => {
  const base = tempBase()
  const promised = await run([built, base, '0', String(ROUNDS)])
  expect(promised).toHaveLength(ROUNDS)
  await verify(base, promised)
})
