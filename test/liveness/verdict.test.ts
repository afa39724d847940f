// The contract's truth table, row by row; then every combination of facts against an oracle that was written
// from the contract's sentences, not from the code.

import { describe, expect, test } from 'vitest'
import { type Facts, type Verdict, verdict } from '../../src/liveness/verdict.ts'
import { LIVE_OWNER } from './live-owner.ts'

/** A live owner of our own boot and namespaces, on a local disk. */
const ALIVE: Facts = {
  ...LIVE_OWNER,
  platform: 'linux',
  leaseDevice: 'same',
  leaseInode: 'same',
  provingFileSystem: true,
  sameFileSystemType: true,
  sameUpperDirectory: false,
}
const KILLED: Facts = { ...ALIVE, process: 'missing', thread: 'unreadable', lease: 'refuses' }
const ELSEWHERE: Facts = { ...ALIVE, namespaces: 'other', process: 'missing', thread: 'unreadable' }
const REBOOTED: Facts = { ...KILLED, boot: 'other', leaseDevice: 'other' }
const OTHER_SYSTEM: Facts = { ...KILLED, platform: 'other', lease: 'silent', namespaces: 'unreadable' }

interface Row {
  readonly situation: string
  readonly facts: Facts
  readonly verdict: Verdict['verdict']
  readonly reason?: string
}

const TABLE: readonly Row[] = [
  {
    situation: 'alive, blocked loop, SIGSTOP, suspended, clock stepped',
    facts: ALIVE,
    verdict: 'alive',
    reason: 'owner alive (the process runs, lease answers)',
  },
  {
    situation: 'kill -9, out of memory',
    facts: KILLED,
    verdict: 'dead',
    reason: 'owner dead (no such process, lease refuses)',
  },
  { situation: 'zombie', facts: { ...KILLED, process: 'exists', thread: 'zombie' }, verdict: 'dead' },
  {
    situation: 'pid reused',
    facts: { ...KILLED, process: 'exists', thread: 'other-start' },
    verdict: 'dead',
  },
  {
    situation: 'worker thread terminated, its process alive',
    facts: { ...KILLED, process: 'exists', thread: 'missing' },
    verdict: 'dead',
    reason: 'owner dead (its thread has ended, lease refuses)',
  },
  {
    situation: 'other container on a shared volume, alive',
    facts: ELSEWHERE,
    verdict: 'alive',
    reason: 'owner alive (lease answers)',
  },
  {
    situation: 'other container on a shared volume, dead',
    facts: { ...ELSEWHERE, lease: 'refuses' },
    verdict: 'dead',
  },
  {
    situation: 'container restarted on its own overlay',
    facts: { ...ELSEWHERE, lease: 'refuses', leaseDevice: 'other', sameUpperDirectory: true },
    verdict: 'dead',
    reason: 'owner dead (lease refuses, its container was restarted)',
  },
  {
    situation: "another container's overlay, its device differs",
    facts: { ...ELSEWHERE, lease: 'refuses', leaseDevice: 'other' },
    verdict: 'unknown',
  },
  {
    situation: 'container that replaces bootId (LXC), alive',
    facts: { ...ELSEWHERE, boot: 'other' },
    verdict: 'alive',
  },
  {
    situation: 'host rebooted, local disk',
    facts: REBOOTED,
    verdict: 'dead',
    reason: 'owner dead (lease refuses, made before a reboot)',
  },
  {
    situation: 'host rebooted, another socket stands there',
    facts: { ...REBOOTED, leaseInode: 'other' },
    verdict: 'unknown',
  },
  {
    situation: "stray code closed the lease's fd, same namespace",
    facts: { ...ALIVE, lease: 'refuses' },
    verdict: 'alive',
    reason: 'owner alive (the process runs)',
  },
  {
    situation: "other user's process",
    facts: { ...ALIVE, process: 'forbidden', thread: 'unreadable', lease: 'silent' },
    verdict: 'alive',
    reason: "owner alive (the process exists, another user's)",
  },
  {
    situation: 'hidden /proc',
    facts: { ...ALIVE, thread: 'unreadable', lease: 'silent' },
    verdict: 'alive',
  },
  {
    situation: 'another host, alive or dead',
    facts: { ...KILLED, boot: 'other', hostname: 'other', lease: 'refuses', leaseInode: 'other' },
    verdict: 'unknown',
    reason: 'made on another host; see sharedVolume',
  },
  {
    situation: 'another host, on a file system that proves nothing',
    facts: { ...REBOOTED, hostname: 'other', provingFileSystem: false },
    verdict: 'unknown',
    reason: 'made on another host; see sharedVolume',
  },
  {
    situation: 'owner.json missing',
    facts: { ...KILLED, record: 'missing' },
    verdict: 'unknown',
    reason: 'it has no owner.json',
  },
  {
    situation: 'owner.json corrupt',
    facts: { ...KILLED, record: 'corrupt' },
    verdict: 'unknown',
    reason: 'its owner.json is corrupt',
  },
  {
    situation: 'owner.json missing, but the lease answers',
    facts: { ...ALIVE, record: 'missing' },
    verdict: 'alive',
  },
  {
    situation: 'owner.json of another version',
    facts: { ...KILLED, record: 'unknown-version' },
    verdict: 'unknown',
    reason: 'its record was written by another version of this package',
  },
  { situation: 'socket missing, process dead', facts: { ...KILLED, lease: 'silent' }, verdict: 'dead' },
  { situation: 'socket missing, process alive', facts: { ...ALIVE, lease: 'silent' }, verdict: 'alive' },
  {
    situation: 'socket missing, other namespace',
    facts: { ...ELSEWHERE, lease: 'silent' },
    verdict: 'unknown',
  },
  { situation: 'not Linux: ESRCH on the same hostname and boot', facts: OTHER_SYSTEM, verdict: 'dead' },
  {
    situation: 'not Linux: another hostname',
    facts: { ...OTHER_SYSTEM, hostname: 'other' },
    verdict: 'unknown',
  },
  { situation: 'not Linux: another boot', facts: { ...OTHER_SYSTEM, boot: 'other' }, verdict: 'unknown' },
  {
    situation: 'not Linux: a process has the pid',
    facts: { ...OTHER_SYSTEM, process: 'exists' },
    verdict: 'unknown',
  },
  {
    situation: 'not Linux: a stranger has the pid',
    facts: { ...OTHER_SYSTEM, process: 'forbidden' },
    verdict: 'unknown',
  },
  {
    situation: 'a file system where a refusal proves nothing (nfs, fuse)',
    facts: { ...ELSEWHERE, lease: 'refuses', provingFileSystem: false },
    verdict: 'unknown',
  },
  {
    situation: '... but the pid, which asks no file system, still counts',
    facts: { ...KILLED, provingFileSystem: false },
    verdict: 'dead',
  },
  {
    situation: '/proc belongs to another namespace',
    facts: { ...KILLED, procIsOurs: false, lease: 'silent' },
    verdict: 'unknown',
  },
  {
    situation: 'an unreadable boot id equals nothing',
    facts: { ...KILLED, boot: 'unreadable' },
    verdict: 'unknown',
  },
  {
    situation: 'an unreadable namespace equals nothing',
    facts: { ...KILLED, namespaces: 'unreadable', lease: 'silent' },
    verdict: 'unknown',
  },
]

describe('the truth table', () => {
  test.each(TABLE)('$situation: $verdict', ({ facts, verdict: expected, reason }) => {
    const passed = verdict(facts)
    expect(passed.verdict).toBe(expected)
    if (reason !== undefined) expect(passed.reason).toBe(reason)
    expect(passed.reason).not.toBe('')
  })
})

// ---- the oracle: the contract's sentences as plain logic

/** P: undefined where it may not be heard. */
function threadSays(f: Facts): 'alive' | 'dead' | undefined {
  if (f.record !== 'read' || f.boot !== 'same') return undefined
  if (f.platform === 'other') return f.hostname === 'same' && f.process === 'missing' ? 'dead' : undefined
  if (f.namespaces !== 'same' || !f.procIsOurs) return undefined
  if (f.process === 'missing') return 'dead'
  if (f.process === 'forbidden') return 'alive'
  return ['missing', 'other-start', 'zombie'].includes(f.thread) ? 'dead' : 'alive'
}

/** L: connected is alive wherever it is asked; a refusal must be of the recorded socket, where that means something. */
function leaseSays(f: Facts): 'alive' | 'dead' | undefined {
  if (f.lease === 'answers') return 'alive'
  if (f.lease !== 'refuses' || f.record !== 'read' || f.platform === 'other') return undefined
  if (!f.provingFileSystem || f.leaseInode === 'other') return undefined
  const sameSocket = f.boot === 'same' && f.leaseDevice === 'same'
  const afterReboot = f.boot === 'other' && f.sameFileSystemType
  const restartedOverlay = f.boot === 'same' && f.leaseDevice === 'other' && f.sameUpperDirectory
  return sameSocket || afterReboot || restartedOverlay ? 'dead' : undefined
}

function oracle(f: Facts): Verdict['verdict'] {
  const heard = [threadSays(f), leaseSays(f)].filter((opinion) => opinion !== undefined)
  if (heard.includes('alive')) return 'alive'
  return heard.includes('dead') ? 'dead' : 'unknown'
}

const DOMAIN: { readonly [K in keyof Facts]: readonly Facts[K][] } = {
  record: ['read', 'missing', 'corrupt', 'unknown-version'],
  platform: ['linux', 'other'],
  boot: ['same', 'other', 'unreadable'],
  hostname: ['same', 'other'],
  namespaces: ['same', 'other', 'unreadable'],
  procIsOurs: [true, false],
  process: ['exists', 'missing', 'forbidden'],
  thread: ['same', 'missing', 'other-start', 'zombie', 'unreadable'],
  lease: ['answers', 'refuses', 'silent'],
  leaseDevice: ['same', 'other'],
  leaseInode: ['same', 'other'],
  provingFileSystem: [true, false],
  sameFileSystemType: [true, false],
  sameUpperDirectory: [true, false],
}

/** The whole product, one object reused: 414,720 of them. */
function* everyCombination(): Generator<Facts, void, void> {
  const names = Object.keys(DOMAIN) as (keyof Facts)[] // its keys, by its type
  const facts: Record<string, unknown> = {}
  function* from(index: number): Generator<Facts, void, void> {
    const name = names[index]
    if (name === undefined) {
      yield facts as unknown as Facts // every member has been set on the way down
      return
    }
    for (const value of DOMAIN[name]) {
      facts[name] = value
      yield* from(index + 1)
    }
  }
  yield* from(0)
}

describe('every combination of facts', () => {
  test('agrees with the oracle', () => {
    let count = 0
    const wrong: string[] = []
    for (const facts of everyCombination()) {
      count++
      const passed = verdict(facts).verdict
      if (passed !== oracle(facts)) wrong.push(`${passed}, not ${oracle(facts)}: ${JSON.stringify(facts)}`)
    }
    expect(wrong.slice(0, 5)).toEqual([])
    expect(count).toBe(414_720)
  })

  test('never says dead of a session whose lease answers or whose process runs in our own namespace', () => {
    for (const facts of everyCombination()) {
      if (verdict(facts).verdict !== 'dead') continue
      const runs =
        facts.platform === 'linux' &&
        facts.boot === 'same' &&
        facts.namespaces === 'same' &&
        facts.procIsOurs &&
        facts.process === 'exists' &&
        facts.thread === 'same'
      if (facts.lease === 'answers' || runs) expect.fail(JSON.stringify(facts))
    }
  })

  test('gives a reason in words for each', () => {
    for (const facts of everyCombination()) {
      const { verdict: passed, reason } = verdict(facts)
      if (reason === '' || (passed !== 'unknown' && !reason.startsWith(`owner ${passed} (`)))
        expect.fail(`${passed}: '${reason}' for ${JSON.stringify(facts)}`)
    }
  })
})
