// Owners of every kind in one root, and eight sweepers that run beside them. Guarantee: who lives is spared, however
// stopped or far away; who is dead is swept, however it died.

import { spawn } from 'node:child_process'
import { existsSync, readdirSync, readFileSync, renameSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { SweepReport } from '../../src/index.ts'
import { bundle } from '../fixtures/bundle.ts'
import { craftSession, REUSED_PID } from '../fixtures/crafted-session.ts'
import { EightSweepers } from '../fixtures/eight-sweepers.ts'
import { Held, type HeldOptions, stateOf } from '../fixtures/held-process.ts'
import { lastingBase } from '../fixtures/lasting-base.ts'
import { has } from '../fixtures/mounts.ts'

const root = process.platform === 'linux' && process.getuid?.() === 0
const base = lastingBase()
const rooms = join(base, `temp-file-manager-${process.geteuid?.() ?? 0}`)
let programs = ''
const held: Held[] = []

interface Case {
  readonly owner: string
  readonly options?: HeldOptions
  /** Brings it into its state. */
  readonly prepare?: (owner: Held, file: string) => Promise<string | undefined> | string | undefined
  readonly reason?: RegExp
  readonly needsRoot?: boolean
  readonly needsTool?: string
}

/** Sends it a command and waits for the answer. */
async function order(owner: Held, word: string, answer = `done`): Promise<string> {
  owner.say(word)
  return await owner.line(answer)
}

/** The wall clock of the process is off; files keep the kernel's times. */
const clock = (offset: string): Pick<Case, 'options' | 'needsTool'> => ({
  options: { under: ['faketime', '-f', offset], env: { NO_FAKE_STAT: '1' } },
  needsTool: 'faketime',
})

const SPARED: readonly Case[] = [
  { owner: 'idle', reason: /^owner alive \(pid \d+, the process runs, lease answers\)$/ },
  {
    owner: "lease's descriptor closed by stray code",
    prepare: async (owner) => {
      expect(await order(owner, 'close-sockets', 'closed')).toBe('2')
      return undefined
    },
    reason: /^owner alive \(pid \d+, the process runs\)$/,
  },
  {
    owner: 'worker thread',
    prepare: (owner) => order(owner, 'worker', 'worker-ready'),
    reason: /the process runs, lease answers/,
  },
  {
    owner: 'own pid namespace, /proc mounted',
    options: { under: ['unshare', '-pf', '--mount-proc'] },
    reason: /^owner alive \(pid 1, lease answers\)$/,
    needsRoot: true,
  },
  {
    owner: "own pid namespace, its /proc still its parent's",
    options: { under: ['unshare', '-pf'] },
    reason: /^owner alive \(pid 1, lease answers\)$/,
    needsRoot: true,
  },
  {
    owner: 'own pid namespace, SIGSTOP',
    options: { under: ['unshare', '-pf', '--mount-proc'] },
    prepare: async (owner) => {
      owner.kill('SIGSTOP')
      await owner.stoppedBefore('never')
      return undefined
    },
    reason: /lease answers/,
    needsRoot: true,
  },
  {
    owner: 'own time namespace',
    options: { under: ['unshare', '--time', '--boottime', '86400', '--fork'] },
    reason: /^owner alive \(pid \d+, lease answers\)$/,
    needsRoot: true,
  },
  { owner: 'clock an hour behind', ...clock('-1h'), reason: /the process runs, lease answers/ },
  { owner: 'clock an hour ahead', ...clock('+1h'), reason: /the process runs, lease answers/ },
]

const SWEPT: readonly Case[] = [
  {
    owner: 'clock an hour behind, killed',
    ...clock('-1h'),
    prepare: (owner) => owner.slay().then(() => undefined),
  },
  {
    owner: 'clock an hour ahead, killed',
    ...clock('+1h'),
    prepare: (owner) => owner.slay().then(() => undefined),
  },
  { owner: 'killed', prepare: (owner) => owner.slay().then(() => undefined) },
  {
    owner: 'killed while it was stopped',
    prepare: async (owner) => {
      owner.kill('SIGSTOP')
      await owner.stoppedBefore('never')
      await owner.slay()
      return undefined
    },
  },
  {
    owner: 'killed in another pid namespace, /proc mounted',
    options: { under: ['unshare', '-pf', '--mount-proc'] },
    prepare: (owner) => owner.slay().then(() => undefined),
    reason: /^owner dead \(pid 1, lease refuses\)$/,
    needsRoot: true,
  },
  {
    owner: 'killed in another pid namespace',
    options: { under: ['unshare', '-pf'] },
    prepare: (owner) => owner.slay().then(() => undefined),
    reason: /^owner dead \(pid 1, lease refuses\)$/,
    needsRoot: true,
  },
  {
    owner: 'worker thread terminated, its process alive',
    prepare: async (owner) => {
      const file = await order(owner, 'worker', 'worker-ready')
      await order(owner, 'terminate', 'terminated')
      return file
    },
    reason: /its thread has ended, lease refuses/,
  },
]

const files = new Map<Case, string>()
const reports: SweepReport[] = []

async function start(one: Case): Promise<void> {
  const owner = new Held(join(programs, 'owner.cjs'), { ...one.options, args: [base], until: 'disposed' })
  held.push(owner)
  const first = await owner.line('ready')
  files.set(one, (await one.prepare?.(owner, first)) ?? first)
}

/** The directory of `file`'s session in sessions/, under any name. */
function standing(session: string): string[] {
  const id = basename(session).replace(/^s-/, '')
  return readdirSync(join(rooms, 'sessions')).filter((name) => name.includes(id))
}

async function threeRounds(): Promise<void> {
  // Two of them have a clock that is more than an hour off: the draft stays young for them too.
  const clocks = has('faketime') ? ['+2h', '-2h'] : []
  const sweepers = new EightSweepers(programs, base, (n) => {
    const offset = clocks[n]
    return { ...(offset === undefined ? {} : clock(offset).options), until: 'disposed' }
  })
  held.push(...sweepers.held)
  await sweepers.ready()
  for (let n = 0; n < 3; n++) reports.push(...(await sweepers.round()))
  await sweepers.end()
}

/** The sweepers' decisions about a session, with their reasons. */
function decisions(session: string): { action: string; reason: string }[] {
  return reports
    .flatMap((report) => report.items)
    .filter((entry) => entry.name === `sessions/${basename(session)}`)
    .map(({ action, reason }) => ({ action, reason }))
}

const runs = (one: Case): boolean =>
  process.platform === 'linux' &&
  (root || one.needsRoot !== true) &&
  (one.needsTool === undefined || has(one.needsTool))

/** A case's name, with what it needs where that is not everywhere. */
const titleOf = ({ owner, needsRoot, needsTool }: Case): string =>
  `${owner}${needsRoot ? ' (needs root)' : ''}${needsTool === undefined ? '' : ` (needs ${needsTool})`}`

afterAll(async () => {
  await Promise.all(held.map((owner) => owner.dispose()))
})

describe.skipIf(process.platform !== 'linux')('while eight sweepers run', () => {
  let zombie: { session: string; pid: number; end: () => Promise<void> } | undefined
  const crafted: Record<string, string> = {}

  beforeAll(async () => {
    programs = await bundle('owner', 'sweeper')
    const all = [...SPARED, ...SWEPT].filter(runs)
    for (let n = 0; n < all.length; n += 4) await Promise.all(all.slice(n, n + 4).map(start))
    zombie = await makeZombie()
    crafted['pid reused'] = craftSession(rooms, { owner: REUSED_PID }).path
    crafted['ended by a reboot'] = craftSession(rooms, { owner: { bootId: 'before' } }).path
    crafted['pid reused, no socket'] = craftSession(rooms, { owner: REUSED_PID, lease: 'none' }).path
    crafted['another version'] = craftSession(rooms, { record: '{"v":2}' }).path
    crafted['no record'] = craftSession(rooms, { record: undefined }).path
    crafted['another host'] = craftSession(rooms, {
      owner: { bootId: 'b', hostname: 'far', lease: undefined },
    }).path
    crafted['being made'] = craftSession(rooms, { prefix: '.new-', record: undefined, lease: 'none' }).path
    await threeRounds()
  }, 90_000)

  afterAll(() => zombie?.end())

  for (const one of SPARED) {
    test.runIf(runs(one))(`an owner is spared: ${titleOf(one)}`, () => {
      const file = files.get(one) ?? ''
      expect(readFileSync(file, 'utf8')).toBe(basename(file))
      const decided = decisions(dirname(file))
      expect(decided.length).toBe(24)
      for (const { action, reason } of decided) {
        expect(action).toBe('kept')
        if (one.reason !== undefined) expect(reason).toMatch(one.reason)
      }
    })
  }

  for (const one of SWEPT) {
    test.runIf(runs(one))(`an owner is swept: ${titleOf(one)}`, () => {
      const session = dirname(files.get(one) ?? '')
      expect(standing(session)).toEqual([])
      const removed = decisions(session).filter(({ action }) => action === 'removed')
      expect(removed.length).toBeLessThanOrEqual(1)
      if (one.reason !== undefined) for (const { reason } of removed) expect(reason).toMatch(one.reason)
    })
  }

  test('an owner is swept: a zombie whose parent lives and does not reap it', () => {
    expect(stateOf(zombie?.pid ?? 0)).toBe('Z')
    expect(standing(zombie?.session ?? '?')).toEqual([])
  })

  test.each(['pid reused', 'ended by a reboot', 'pid reused, no socket'])(
    'an owner is swept: %s',
    (which) => {
      expect(standing(crafted[which] ?? '?')).toEqual([])
    },
  )

  test.each([
    ['another version', /another version of this package/],
    ['no record', /it has no owner\.json/],
    ['another host', /made on another host; see sharedVolume/],
    ['being made', /being made/],
  ])('an owner that nothing proves dead is kept and reported: %s', (which, reason) => {
    const path = crafted[which] ?? '?'
    expect(existsSync(path)).toBe(true)
    for (const decided of decisions(path)) {
      expect(decided.action).toBe('kept')
      expect(decided.reason).toMatch(reason)
    }
    expect(decisions(path).length).toBe(24)
  })

  test('no sweeper reports an error, and each dead session was removed by exactly one of them', () => {
    expect(reports.length).toBe(24)
    expect(reports.flatMap((report) => report.errors)).toEqual([])
    const removed = reports.flatMap((report) => report.items).filter((entry) => entry.action === 'removed')
    expect(removed.length).toBeGreaterThanOrEqual(SWEPT.filter(runs).length)
  })

  test('live owners continue to work', async () => {
    for (const one of SPARED.filter(runs)) {
      const owner = held[[...SPARED, ...SWEPT].filter(runs).indexOf(one)]
      owner?.kill('SIGCONT')
      owner?.say('file')
      const file = await owner?.line('file')
      expect(existsSync(String(file)), one.owner).toBe(true)
      expect(owner?.stdout).not.toContain('reported')
    }
  })

  /** An owner that a shell started, that ended, and that its parent, by now `cat`, never waits for. */
  async function makeZombie(): Promise<{ session: string; pid: number; end: () => Promise<void> }> {
    const script = '"$0" "$1" "$2" <&3 & exec cat >/dev/null'
    const shell = spawn('sh', ['-c', script, process.execPath, join(programs, 'owner.cjs'), base], {
      stdio: ['pipe', 'pipe', 'inherit', 'pipe'],
    })
    let announced = ''
    shell.stdout?.setEncoding('utf8')
    for await (const text of shell.stdout ?? []) {
      announced += text
      if (announced.includes('\n')) break
    }
    const file = announced.trim().slice('ready '.length)
    const record = JSON.parse(readFileSync(join(dirname(file), 'owner.json'), 'utf8'))
    process.kill(record.pid, 'SIGKILL')
    while (stateOf(record.pid) !== 'Z') await new Promise((resolve) => setTimeout(resolve, 2))
    const closed = new Promise<void>((resolve) => shell.once('exit', () => resolve()))
    return {
      session: dirname(file),
      pid: record.pid,
      end: () => {
        shell.kill('SIGKILL')
        return closed
      },
    }
  }
})

describe.skipIf(process.platform !== 'linux')('suspected owners', () => {
  test('a wrongly suspected owner takes its directory back from a tombstone, and loses nothing', async () => {
    const owner = new Held(join(programs, 'owner.cjs'), { args: [base] })
    const file = await owner.line('ready')
    const session = dirname(file)
    renameSync(session, join(dirname(session), `.dead-${basename(session).slice(2)}-abc`))
    owner.say('file')
    const second = await owner.line('file')
    expect(dirname(second)).toBe(session)
    expect(readFileSync(file, 'utf8')).toBe(basename(file))
    expect(owner.stdout).not.toContain('reported')
  })

  test('an owner of a condemned directory reports ERR_TEMP_SESSION_LOST and goes on in a new session', async () => {
    const owner = new Held(join(programs, 'owner.cjs'), { args: [base] })
    const session = dirname(await owner.line('ready'))
    renameSync(session, join(dirname(session), `.gone-${basename(session).slice(2)}-abc`))
    owner.say('file')
    expect(await owner.line('reported')).toBe('ERR_TEMP_SESSION_LOST')
    const second = await owner.line('file')
    expect(dirname(second)).not.toBe(session)
    expect(existsSync(second)).toBe(true)
  })
})
