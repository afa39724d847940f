// Owners that are blocked for twenty seconds, and eight sweepers that sweep again and again meanwhile. Guarantee:
// an owner with a blocked event loop, a stopped owner and one that uses all CPU lose nothing, and continue afterwards.
// The time for which a loop was blocked is measured by its own timer.

import { readdirSync, readFileSync, statSync } from 'node:fs'
import { constants, setPriority } from 'node:os'
import { basename, dirname, join } from 'node:path'
import { beforeAll, expect, test } from 'vitest'
import type { SweepReport } from '../../src/index.ts'
import { bundle } from '../fixtures/bundle.ts'
import { EightSweepers } from '../fixtures/eight-sweepers.ts'
import { Held, type HeldOptions, stateOf } from '../fixtures/held-process.ts'
import { tempBase } from '../fixtures/temp-base.ts'

const STILL_MS = 20_000

const onLinux = process.platform === 'linux'
const root = process.getuid?.() === 0

interface Still {
  readonly owner: string
  readonly options?: HeldOptions
  /** The order that blocks it, and the line that it prints just before; none: it is stopped by a signal. */
  readonly order?: 'block' | 'burn'
  readonly reason: RegExp
}

const OWNERS: readonly Still[] = [
  { owner: 'blocked event loop', order: 'block', reason: /the process runs, lease answers/ },
  { owner: '100 % CPU', order: 'burn', reason: /the process runs, lease answers/ },
  { owner: 'SIGSTOP', reason: /the process runs, lease answers/ },
]

/** Only its lease is evidence: a socket where no process answers, and where more and more connections wait. */
const FAR: Still = {
  owner: 'blocked event loop in another pid namespace',
  options: { under: ['unshare', '-pf', '--mount-proc'] },
  order: 'block',
  reason: /^owner alive \(pid 1, lease answers\)$/,
}

let programs = ''
beforeAll(async () => {
  if (onLinux) programs = await bundle('owner', 'sweeper')
})

class StillOwner {
  readonly kind: Still
  readonly held: Held
  file = ''
  #inode = 0n
  /** The longest block that its loop's timer saw, once the loop turns again. */
  stood: number | undefined

  constructor(kind: Still, base: string) {
    this.kind = kind
    this.held = new Held(join(programs, 'owner.cjs'), { ...kind.options, args: [base] })
  }

  get session(): string {
    return dirname(this.file)
  }

  async ready(): Promise<void> {
    this.file = await this.held.line('ready')
    this.#inode = statSync(this.session, { bigint: true }).ino
  }

  /** Resolves when it is blocked: it printed that right before, or the kernel shows it. */
  async standStill(): Promise<void> {
    const { order } = this.kind
    if (order === undefined) {
      this.held.kill('SIGSTOP')
      await this.held.stoppedBefore('never')
      return
    }
    this.held.say(`${order} ${STILL_MS}`)
    await this.held.line(`${order}ing`)
    void this.held.line('stood').then(
      (milliseconds) => {
        this.stood = Number(milliseconds)
      },
      () => {}, // the test has ended before it
    )
  }

  /** It has all that it had, under its own name, and no sweeper thought otherwise. */
  expectWhole(reports: readonly SweepReport[]): void {
    const { owner, reason } = this.kind
    const name = basename(this.session)
    const id = name.slice('s-'.length)
    const standing = readdirSync(dirname(this.session)).filter((other) => other.includes(id))
    expect(standing, owner).toEqual([name])
    expect(statSync(this.session, { bigint: true }).ino, owner).toBe(this.#inode)
    expect(readFileSync(this.file, 'utf8'), owner).toBe(basename(this.file))
    const decided = reports.flatMap(({ items }) => items).filter((entry) => entry.name.includes(id))
    expect(decided.length, owner).toBe(8)
    for (const entry of decided) {
      expect(entry, owner).toMatchObject({ name: `sessions/${name}`, action: 'kept' })
      expect(entry.reason, owner).toMatch(reason)
    }
  }

  /** It creates a file in the same directory as before, and no loss was reported to it. */
  async expectGoesOn(): Promise<void> {
    const { owner } = this.kind
    this.held.kill('SIGCONT')
    this.held.say('file')
    const second = await this.held.line('file')
    expect(dirname(second), owner).toBe(this.session)
    expect(readFileSync(second, 'utf8'), owner).toBe(basename(second))
    expect(readFileSync(this.file, 'utf8'), owner).toBe(basename(this.file))
    expect(this.held.stdout, owner).not.toContain('reported')
  }
}

/** Its turn comes after everybody else's, so that the rest of the suite does not notice twenty busy seconds. */
function behindOthers(held: Held): void {
  setPriority(held.pid, constants.priority.PRIORITY_LOW)
}

test.runIf(onLinux)(
  `owners that are blocked for ${STILL_MS / 1000} s are spared by eight sweepers, and go on (one of them needs root)`,
  { timeout: 170_000 },
  async () => {
    const base = tempBase()
    const owners = [...OWNERS, ...(root ? [FAR] : [])].map((kind) => new StillOwner(kind, base))
    const sweepers = new EightSweepers(programs, base)
    await Promise.all([...owners.map((owner) => owner.ready()), sweepers.ready()])
    for (const held of sweepers.held) behindOthers(held)
    for (const owner of owners) if (owner.kind.order === 'burn') behindOthers(owner.held)

    // Stopped before the others are blocked, and released when the last of them has come back by itself.
    const stopped = owners.filter((owner) => owner.kind.order === undefined)
    const busy = owners.filter((owner) => owner.kind.order !== undefined)
    await Promise.all(stopped.map((owner) => owner.standStill()))
    await Promise.all(busy.map((owner) => owner.standStill()))
    do {
      const reports = await sweepers.round()
      expect(reports.flatMap((report) => report.errors)).toEqual([])
      for (const owner of owners) owner.expectWhole(reports)
      for (const owner of stopped) expect(stateOf(owner.held.pid)).toBe('T')
    } while (busy.some((owner) => owner.stood === undefined))
    for (const owner of busy) expect(owner.stood, owner.kind.owner).toBeGreaterThanOrEqual(STILL_MS)

    for (const owner of owners) await owner.expectGoesOn()
    const reports = await sweepers.round()
    for (const owner of owners) owner.expectWhole(reports)
    await sweepers.end()
  },
)
