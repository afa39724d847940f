// Each system must prove this before its kind of lease counts, with real processes: run on Linux, macOS and Windows, and
// under Wine. Guarantee: the owner that lives is spared, the owner that was killed is swept, one claimant wins.

import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { beforeAll, expect, onTestFinished, test } from 'vitest'
import { bundle } from '../fixtures/bundle.ts'
import { Child } from '../fixtures/child.ts'
import { craftSession } from '../fixtures/crafted-session.ts'
import { EightSweepers } from '../fixtures/eight-sweepers.ts'
import { Held } from '../fixtures/held-process.ts'
import { tempBase, tempManager } from '../fixtures/temp-base.ts'

/** Sweeps by each of the eight sweepers; `npm run test:windows` makes 200. */
const ROUNDS = Number(process.env['SWEEP_ROUNDS'] ?? 10)

let programs = ''
beforeAll(async () => {
  programs = await bundle('owner', 'sweeper', 'handoff-racer')
})

async function startOwner(base: string): Promise<{ owner: Held; session: string; file: string }> {
  const owner = new Held(join(programs, 'owner.cjs'), { args: [base] })
  const file = await owner.line('ready')
  return { owner, session: dirname(file), file }
}

test('the session of an owner that was killed is removed by the next sweep, and its claim is free again', async () => {
  const manager = tempManager()
  const base = dirname(manager.root)
  const ticket = await (await manager.receive('data')).handOff()
  const { owner, session } = await startOwner(base)
  owner.say(`claim ${ticket}`)
  await owner.line('claimed')
  const alive = await manager.sweep()
  expect(alive.items.find(({ name }) => name.endsWith(basename(session)))).toMatchObject({ action: 'kept' })
  await owner.slay()
  const report = await manager.sweep()
  expect(report.errors).toEqual([])
  expect(report.items.find(({ name }) => name.endsWith(basename(session)))).toMatchObject({
    action: 'removed',
    reason: expect.stringMatching(/^owner dead \(pid \d+, /),
  })
  expect(existsSync(session)).toBe(false)
  await using claim = await manager.claim(ticket)
  expect(readFileSync(claim.path, 'utf8')).toBe('data')
  expect(claim.attempt).toBe(2)
})

test(
  'an owner that lives is spared by eight sweepers that sweep beside it',
  async () => {
    const base = tempBase()
    const { owner, file } = await startOwner(base)
    const sweepers = new EightSweepers(programs, base)
    await sweepers.ready()
    for (let round = 0; round < ROUNDS; round++) {
      const reports = await sweepers.round()
      expect(reports.flatMap(({ errors }) => errors)).toEqual([])
      const removed = reports.flatMap(({ items }) => items).filter(({ action }) => action === 'removed')
      expect(removed, `round ${round}`).toEqual([])
      expect(readFileSync(file, 'utf8')).toBe(basename(file))
    }
    await sweepers.end()
    owner.say('file')
    expect(dirname(await owner.line('file'))).toBe(dirname(file))
  },
  60_000 + ROUNDS * 1000,
)

test('of a hundred claimants in four processes exactly one gets the handoff', async () => {
  const manager = tempManager()
  const base = dirname(manager.root)
  const ticket = await (await manager.receive('data')).handOff()
  const racers = Array.from(
    { length: 4 },
    () => new Child(join(programs, 'handoff-racer.cjs'), { args: [base] }),
  )
  for (const racer of racers) racer.process.stdin?.write('open 25\n')
  for (const racer of racers) await racer.line('READY')
  for (const racer of racers) racer.process.stdin?.write(`race 25 ${ticket}\n`)
  const outcomes: string[] = []
  for (const racer of racers) outcomes.push(...JSON.parse(await racer.line('RACED')))
  expect(outcomes).toHaveLength(100)
  expect(outcomes.filter((outcome) => outcome.startsWith('won'))).toEqual(['won 1'])
  expect(new Set(outcomes.filter((outcome) => !outcome.startsWith('won')))).toEqual(
    new Set(['ERR_TEMP_HANDOFF_CLAIMED']),
  )
  for (const racer of racers) racer.process.stdin?.end()
  for (const racer of racers) expect(await racer.end).toMatchObject({ code: 0 })
})

test('a dead session whose pid belongs to another living process now is removed', async () => {
  const manager = tempManager()
  const other = new Held(join(programs, 'sweeper.cjs'), { args: [tempBase(), 'each-line'] })
  await other.line('ready')
  onTestFinished(() => void other.process.stdin?.end())
  const reused = { pid: other.pid, tid: other.pid, startTime: '1' }
  const crafted = craftSession(manager.root, { owner: reused, files: { left: 'data' } })
  const report = await manager.sweep()
  expect(report.items.find(({ name }) => name.endsWith(crafted.name))).toMatchObject({ action: 'removed' })
  expect(readdirSync(join(manager.root, 'sessions')).filter((name) => name.includes(crafted.id))).toEqual([])
})
