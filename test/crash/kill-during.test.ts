// kill -9 in front of every single disk call of every deed: the process stops itself there, we look, kill it, and
// sweep (handing off, completing and releasing: handoff-kill.test.ts). Guarantee: while it is stopped nothing of it is
// touched, after its death nothing of it is left, and a handoff is whole, once, or was completed. An ordinary run
// takes every other call, by lot; FAULTS=all (npm run test:kill) takes all.

import fs, { existsSync, mkdirSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { TempFileManager } from '../../src/index.ts'
import { bundle } from '../fixtures/bundle.ts'
import { craftSession, REUSED_PID } from '../fixtures/crafted-session.ts'
import { Held } from '../fixtures/held-process.ts'
import { shareOf } from '../fixtures/share.ts'
import { tempBase, tempManager } from '../fixtures/temp-base.ts'

const share = shareOf(2)
let kills = 0

let programs = ''
beforeAll(async () => {
  programs = await bundle('doomed')
})
afterAll(() => console.log(`kill points: ${kills} (every ${share.every}, from ${share.from})`))

interface Deed {
  readonly deed: string
  /** A handoff is there for it. */
  readonly handoff?: 'kept' | 'may be completed'
  readonly persists?: boolean
  /** Its own session is condemned on the way: any process may finish that while it exists. */
  readonly ends?: boolean
  /** Fewest disk calls that it makes, so that the test cannot pass for want of them. */
  readonly calls: number
}

const DEEDS: readonly Deed[] = [
  { deed: 'session making', calls: 9 },
  { deed: 'file making', calls: 5 },
  { deed: 'receive', calls: 4 },
  { deed: 'dir filling', calls: 8 },
  { deed: 'claim', handoff: 'kept', calls: 2 },
  { deed: 'persist', persists: true, calls: 2 },
  { deed: 'persisting a claim', handoff: 'may be completed', persists: true, calls: 3 },
  { deed: 'exit hook', handoff: 'kept', ends: true, calls: 6 },
  { deed: 'close', handoff: 'kept', ends: true, calls: 6 },
  { deed: 'sweep', handoff: 'kept', ends: true, calls: 8 },
]

/** Entries of sessions/ but the manager's own, and drafts in handoffs/. */
function strangers(manager: TempFileManager): string[] {
  const own = manager.sessionPath
  return [
    ...readdirSync(join(manager.root, 'sessions')).filter((name) => own?.endsWith(name) !== true),
    ...readdirSync(join(manager.root, 'handoffs')).filter((name) => name.startsWith('.')),
  ]
}

/** A dead session that holds the handoff and has something to delete. */
function deadHolder(root: string, ticket: string): void {
  const { path } = craftSession(root, { owner: REUSED_PID, files: { 'a-file': 'a' } })
  mkdirSync(join(path, 'a-directory'))
  fs.writeFileSync(join(path, 'a-directory', 'x'), 'x')
  fs.renameSync(join(root, 'handoffs', ticket), join(path, 'claims', ticket))
}

/** Every handoff is whole. Returns their tickets. */
async function wholeHandoffs(manager: TempFileManager): Promise<string[]> {
  const found = await manager.handoffs()
  for (const info of found) {
    expect(info).toMatchObject({ state: 'available', problem: undefined, files: 1, bytes: 7 })
    const data = join(manager.root, 'handoffs', info.ticket, 'data')
    expect(readFileSync(join(data, String(info.name)), 'utf8')).toBe('payload')
  }
  return found.map((info) => info.ticket)
}

/** One kill at call `n`; false when the deed has fewer calls. */
async function killAt(n: number, { deed, handoff, persists, ends }: Deed): Promise<boolean> {
  const base = tempBase()
  mkdirSync(join(base, 'persisted'))
  const manager = tempManager({ baseDir: base })
  // The making of a session includes the making of the root: there it must not be there yet.
  const ticket = handoff === undefined ? '' : await (await manager.receive('payload')).handOff()
  if (deed === 'sweep') deadHolder(manager.root, ticket)

  const doomed = new Held(join(programs, 'doomed.cjs'), { args: [base, deed, String(n), ticket] })
  const stopped = await doomed.stoppedBefore('finished')
  if (stopped && ends !== true && existsSync(manager.root)) {
    manager.file()
    const before = strangers(manager)
    const report = await manager.sweep()
    expect(report.errors).toEqual([])
    expect(report.sessionsRemoved).toBe(0)
    expect(strangers(manager)).toEqual(before)
  }
  await doomed.slay()
  if (!stopped) expect(doomed.stderr).toBe('')

  manager.file()
  const report = await manager.sweep()
  expect(report.errors).toEqual([])
  expect(strangers(manager)).toEqual([])

  const tickets = await wholeHandoffs(manager)
  const persisted = readdirSync(join(base, 'persisted'))
  expect(tickets.filter((found) => found !== ticket)).toEqual([])
  expect(persisted.length).toBeLessThanOrEqual(persists === true ? 1 : 0)
  if (persisted.length > 0) expect(readFileSync(join(base, 'persisted', 'there'), 'utf8')).toBe('payload')
  if (handoff === 'kept') expect(tickets).toContain(ticket)
  // One payload in, one payload somewhere: never two, and none only where the deed was to end it.
  if (handoff === 'may be completed') expect(tickets.length + persisted.length).toBe(1)
  if (!stopped && handoff === 'may be completed') expect(tickets).not.toContain(ticket)
  await manager.close()
  return stopped
}

describe.skipIf(process.platform !== 'linux')('kill -9', () => {
  test.each(DEEDS)(
    'after kill -9 at any disk call of $deed the next sweep removes all of it, and loses no handoff',
    async (deed) => {
      // Two at a time: one starts while the other is looked at.
      let [first, last] = [1 + share.from, 0]
      for (let stopped = true; stopped; first += 2 * share.every) {
        const pair = [first, first + share.every] as const
        const killed = await Promise.all(pair.map((n) => killAt(n, deed)))
        last = Math.max(last, ...pair.filter((_, at) => killed[at]))
        kills += killed.filter(Boolean).length
        stopped = !killed.includes(false)
      }
      expect(last).toBeGreaterThan(deed.calls - share.every)
    },
  )
})
