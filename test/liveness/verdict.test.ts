// The contract's truth table, row by row; then every combination of evidence against an oracle that was written
// from the contract's sentences, not from the code.

import { describe, expect, test } from 'vitest'
import { REFRESH_MS } from '../../src/liveness/owner.ts'
import { type Evidence, GRACE_MS, type Policy, type Verdict, verdict } from '../../src/liveness/verdict.ts'
import { LIVE_OWNER } from './live-owner.ts'

/** A live owner of our own boot and namespaces, on a local disk. */
const ALIVE: Evidence = {
  ...LIVE_OWNER,
  system: 'linux',
  leaseIdentity: 'same',
  fileSystem: 'proves',
  sameFileSystem: 'same-type',
  name: 'silent',
  refreshMs: REFRESH_MS,
  untouchedMs: undefined,
  silentMs: undefined,
  suspectedMs: undefined,
}
const KILLED: Evidence = { ...ALIVE, process: 'missing', thread: 'hidden', lease: 'refuses' }
const ELSEWHERE: Evidence = { ...ALIVE, namespaces: 'other', process: 'missing', thread: 'hidden' }
const REBOOTED: Evidence = { ...KILLED, boot: 'other', leaseIdentity: 'other-device' }
/** Made by the owner's name alone: a power cut lost the record. */
const NAMED: Evidence = { ...KILLED, record: 'named', lease: 'silent', leaseIdentity: 'other' }
const RESTARTED_OVERLAY: Evidence = {
  ...ELSEWHERE,
  lease: 'refuses',
  leaseIdentity: 'other-device',
  sameFileSystem: 'same-upper',
}
const MACOS: Evidence = { ...KILLED, system: 'darwin', namespaces: 'absent', lease: 'silent' }
const WINDOWS: Evidence = { ...MACOS, system: 'windows' }

interface Row {
  readonly situation: string
  readonly evidence: Evidence
  readonly verdict: Verdict['verdict']
  readonly reason?: string
}

const TABLE: readonly Row[] = [
  {
    situation: 'alive, blocked loop, SIGSTOP, suspended, clock stepped',
    evidence: ALIVE,
    verdict: 'alive',
    reason: 'owner alive (the process runs, lease answers)',
  },
  {
    situation: 'kill -9, out of memory',
    evidence: KILLED,
    verdict: 'dead',
    reason: 'owner dead (no such process, lease refuses)',
  },
  { situation: 'zombie', evidence: { ...KILLED, process: 'exists', thread: 'zombie' }, verdict: 'dead' },
  {
    situation: 'pid reused',
    evidence: { ...KILLED, process: 'exists', thread: 'other-start' },
    verdict: 'dead',
  },
  {
    situation: "pid or thread id reused by another user's process whose stat is readable",
    evidence: { ...KILLED, process: 'forbidden', thread: 'other-start' },
    verdict: 'dead',
  },
  {
    situation: 'worker thread terminated, its process alive',
    evidence: { ...KILLED, process: 'exists', thread: 'missing' },
    verdict: 'dead',
    reason: 'owner dead (its thread has ended, lease refuses)',
  },
  {
    situation: 'our own pid and tid, but no session of this process: execve replaced the program',
    evidence: { ...ALIVE, thread: 'replaced', lease: 'refuses' },
    verdict: 'dead',
    reason: 'owner dead (execve replaced its program, lease refuses)',
  },
  {
    situation:
      'our own pid and tid, created by a copy of the package that we cannot see, whose lease answers',
    evidence: { ...ALIVE, thread: 'replaced' },
    verdict: 'alive',
  },
  {
    situation: 'other container on a shared volume, alive',
    evidence: ELSEWHERE,
    verdict: 'alive',
    reason: 'owner alive (lease answers)',
  },
  {
    situation: 'other container on a shared volume, dead',
    evidence: { ...ELSEWHERE, lease: 'refuses' },
    verdict: 'dead',
  },
  {
    situation: 'container restarted on its own overlay, untouched for three intervals',
    evidence: { ...RESTARTED_OVERLAY, untouchedMs: 3 * REFRESH_MS + 1 },
    verdict: 'dead',
    reason: 'owner dead (lease refuses, its container was restarted)',
  },
  {
    situation: 'one overlay upper directory mounted twice, its owner touches the session',
    evidence: { ...RESTARTED_OVERLAY, untouchedMs: 3 * REFRESH_MS },
    verdict: 'unknown',
  },
  {
    situation: 'container restarted on its own overlay, its age could not be asked',
    evidence: RESTARTED_OVERLAY,
    verdict: 'unknown',
  },
  {
    situation: "another container's overlay, its device differs",
    evidence: { ...ELSEWHERE, lease: 'refuses', leaseIdentity: 'other-device' },
    verdict: 'unknown',
  },
  {
    situation: 'container that replaces bootId (LXC), alive',
    evidence: { ...ELSEWHERE, boot: 'other' },
    verdict: 'alive',
  },
  {
    situation: 'host rebooted, local disk',
    evidence: REBOOTED,
    verdict: 'dead',
    reason: 'owner dead (lease refuses, made before a reboot)',
  },
  {
    situation: 'host rebooted before the lease was bound, by its name',
    evidence: { ...REBOOTED, lease: 'silent', name: 'earlier-boot' },
    verdict: 'dead',
    reason: 'owner dead (made here before a reboot)',
  },
  {
    situation: 'host rebooted, another socket in its place',
    evidence: { ...REBOOTED, leaseIdentity: 'other' },
    verdict: 'unknown',
  },
  {
    situation: 'power cut, record lost, by its name',
    evidence: { ...NAMED, boot: 'other', name: 'earlier-boot' },
    verdict: 'dead',
    reason: 'owner dead (made here before a reboot)',
  },
  { situation: 'record lost, process dead, by its name', evidence: NAMED, verdict: 'dead' },
  {
    situation: 'record lost, process alive, by its name',
    evidence: { ...NAMED, process: 'exists', thread: 'same' },
    verdict: 'alive',
  },
  {
    situation: 'record lost, other namespace',
    evidence: { ...NAMED, namespaces: 'other' },
    verdict: 'unknown',
  },
  {
    situation: "stray code closed the lease's fd, same namespace",
    evidence: { ...ALIVE, lease: 'refuses' },
    verdict: 'alive',
    reason: 'owner alive (the process runs)',
  },
  {
    situation: "stray code closed one lease's fd, other namespace",
    evidence: { ...ELSEWHERE, lease: 'silent' },
    verdict: 'unknown',
  },
  {
    situation: "other user's process",
    evidence: { ...ALIVE, process: 'forbidden', thread: 'hidden', lease: 'silent' },
    verdict: 'alive',
    reason: "owner alive (the process exists, another user's)",
  },
  { situation: 'hidden /proc', evidence: { ...ALIVE, thread: 'hidden', lease: 'silent' }, verdict: 'alive' },
  {
    situation: '/proc without /proc/sys: boot unknown, the leases as recorded',
    evidence: { ...KILLED, boot: 'absent' },
    verdict: 'dead',
    reason: 'owner dead (lease refuses)',
  },
  {
    situation: '/proc without /proc/sys, the lease on another device',
    evidence: { ...KILLED, boot: 'absent', leaseIdentity: 'other-device' },
    verdict: 'unknown',
  },
  {
    situation: '/proc without /proc/sys, alive, its leases closed by stray code',
    evidence: { ...ALIVE, boot: 'absent', lease: 'refuses' },
    verdict: 'alive',
  },
  {
    situation: 'another host, alive or dead',
    evidence: { ...KILLED, boot: 'other', hostname: 'other', leaseIdentity: 'other' },
    verdict: 'unknown',
    reason: 'made on another host; see sharedVolume',
  },
  {
    situation: 'another host, on a file system that proves nothing',
    evidence: { ...REBOOTED, hostname: 'other', fileSystem: 'proves-nothing' },
    verdict: 'unknown',
    reason: 'made on another host; see sharedVolume',
  },
  {
    situation: 'owner.json missing, nothing heard',
    evidence: { ...KILLED, record: 'missing' },
    verdict: 'unknown',
    reason: 'it has no owner.json',
  },
  {
    situation: 'owner.json corrupt, nothing heard',
    evidence: { ...KILLED, record: 'corrupt' },
    verdict: 'unknown',
    reason: 'its owner.json is corrupt',
  },
  {
    situation: 'owner.json missing, but the lease answers',
    evidence: { ...ALIVE, record: 'missing' },
    verdict: 'alive',
  },
  {
    situation: 'owner.json of another version',
    evidence: { ...KILLED, record: 'unknown-version' },
    verdict: 'unknown',
    reason: 'its record was written by another version of this package',
  },
  { situation: 'socket missing, process dead', evidence: { ...KILLED, lease: 'silent' }, verdict: 'dead' },
  { situation: 'socket missing, process alive', evidence: { ...ALIVE, lease: 'silent' }, verdict: 'alive' },
  {
    situation: 'a file system where a refusal proves nothing (nfs, fuse)',
    evidence: { ...ELSEWHERE, lease: 'refuses', fileSystem: 'proves-nothing' },
    verdict: 'unknown',
  },
  {
    situation: 'a file system where a refusal proves nothing, but no process has the pid',
    evidence: { ...KILLED, fileSystem: 'proves-nothing' },
    verdict: 'dead',
  },
  {
    situation: '/proc belongs to another namespace',
    evidence: { ...KILLED, namespaces: 'foreign-proc', lease: 'silent' },
    verdict: 'unknown',
  },
  {
    situation: 'an unknown namespace equals nothing',
    evidence: { ...KILLED, namespaces: 'absent', lease: 'silent' },
    verdict: 'unknown',
  },
  // A question that could not be asked
  { situation: 'EMFILE at owner.json', evidence: { ...KILLED, record: 'not-asked' }, verdict: 'unknown' },
  { situation: 'EMFILE at our boot id', evidence: { ...KILLED, boot: 'not-asked' }, verdict: 'unknown' },
  {
    situation: 'EMFILE at our namespaces',
    evidence: { ...KILLED, namespaces: 'not-asked' },
    verdict: 'unknown',
  },
  {
    situation: 'EMFILE at its stat, its lease closed by stray code',
    evidence: { ...ALIVE, thread: 'not-asked', lease: 'refuses' },
    verdict: 'unknown',
  },
  { situation: 'EMFILE at connect', evidence: { ...KILLED, lease: 'not-asked' }, verdict: 'unknown' },
  {
    situation: 'EMFILE at the mount table',
    evidence: { ...KILLED, fileSystem: 'not-asked' },
    verdict: 'unknown',
  },
  {
    situation: 'EMFILE at its stat, but its lease answers',
    evidence: { ...ALIVE, thread: 'not-asked' },
    verdict: 'alive',
  },
  // Other systems
  { situation: 'macOS: no such process, same boot', evidence: MACOS, verdict: 'dead' },
  { situation: 'macOS: another host', evidence: { ...MACOS, hostname: 'other' }, verdict: 'unknown' },
  { situation: 'macOS: another boot', evidence: { ...MACOS, boot: 'other' }, verdict: 'unknown' },
  {
    situation: 'macOS: another boot, no such process, both leases refuse',
    evidence: { ...MACOS, boot: 'other', lease: 'refuses' },
    verdict: 'dead',
  },
  {
    situation: 'macOS: another boot, a process has the pid',
    evidence: { ...MACOS, boot: 'other', lease: 'refuses', process: 'exists' },
    verdict: 'unknown',
  },
  {
    situation: 'macOS: a process has the pid',
    evidence: { ...MACOS, process: 'exists' },
    verdict: 'unknown',
  },
  {
    situation: 'macOS: pid reused, both leases refuse, not refreshed for three intervals',
    evidence: { ...MACOS, process: 'exists', lease: 'refuses', untouchedMs: 3 * REFRESH_MS + 1 },
    verdict: 'dead',
  },
  {
    situation: 'macOS: alive and blocked, its queue full, so both leases refuse',
    evidence: { ...MACOS, process: 'exists', lease: 'refuses', untouchedMs: 3 * REFRESH_MS },
    verdict: 'unknown',
  },
  {
    situation: 'macOS: a stranger has the pid',
    evidence: { ...MACOS, process: 'forbidden' },
    verdict: 'unknown',
  },
  {
    situation: 'Windows: alive',
    evidence: { ...WINDOWS, process: 'exists', lease: 'answers' },
    verdict: 'alive',
  },
  { situation: 'Windows: killed', evidence: { ...WINDOWS, lease: 'refuses' }, verdict: 'dead' },
  {
    situation: 'Windows: pid reused, its pipe is closed',
    evidence: { ...WINDOWS, process: 'exists', lease: 'refuses' },
    verdict: 'dead',
    reason: 'owner dead (its pipe is closed)',
  },
  {
    situation: 'Windows: rebooted, its pipe is closed',
    evidence: { ...WINDOWS, boot: 'other', process: 'exists', lease: 'refuses' },
    verdict: 'dead',
  },
  {
    situation: 'Windows: another host on a share',
    evidence: { ...WINDOWS, hostname: 'other', lease: 'refuses' },
    verdict: 'unknown',
  },
]

describe('the truth table', () => {
  test.each(TABLE)(
    'the verdict on an owner is $verdict: $situation',
    ({ evidence, verdict: expected, reason }) => {
      const passed = verdict(evidence, {})
      expect(passed.verdict).toBe(expected)
      if (reason !== undefined) expect(passed.reason).toBe(reason)
      expect(passed.reason).not.toBe('')
    },
  )
})

describe('age without proof', () => {
  const unknown: Evidence = { ...KILLED, record: 'missing' }
  const HOUR = 3_600_000
  test.each<{ situation: string; ages: Partial<Evidence>; policy: Policy; expected: Verdict['verdict'] }>([
    { situation: 'no policy', ages: { untouchedMs: 1e12, silentMs: 1e12 }, policy: {}, expected: 'unknown' },
    {
      situation: 'untouched for longer than removeUnknownAfter',
      ages: { untouchedMs: HOUR + 1 },
      policy: { removeUnknownAfterMs: HOUR },
      expected: 'dead',
    },
    {
      situation: 'untouched for exactly removeUnknownAfter',
      ages: { untouchedMs: HOUR },
      policy: { removeUnknownAfterMs: HOUR },
      expected: 'unknown',
    },
    {
      situation: 'the age could not be asked',
      ages: {},
      policy: { removeUnknownAfterMs: 0, staleAfterMs: 0 },
      expected: 'unknown',
    },
    {
      situation: 'a silent heartbeat, not yet suspected',
      ages: { silentMs: HOUR + 1 },
      policy: { staleAfterMs: HOUR },
      expected: 'wait',
    },
    {
      situation: 'a silent heartbeat, suspected for the grace period',
      ages: { silentMs: HOUR + 1, suspectedMs: GRACE_MS },
      policy: { staleAfterMs: HOUR },
      expected: 'wait',
    },
    {
      situation: 'a silent heartbeat, suspected for longer',
      ages: { silentMs: HOUR + 1, suspectedMs: GRACE_MS + 1 },
      policy: { staleAfterMs: HOUR },
      expected: 'dead',
    },
    {
      situation: 'a heartbeat',
      ages: { silentMs: HOUR, suspectedMs: GRACE_MS + 1 },
      policy: { staleAfterMs: HOUR },
      expected: 'unknown',
    },
  ])('without proof the verdict by age is $expected: $situation', ({ ages, policy, expected }) => {
    expect(verdict({ ...unknown, ...ages }, policy).verdict).toBe(expected)
  })

  test('age never outweighs an owner that is alive', () => {
    const ages = { untouchedMs: 1e12, silentMs: 1e12, suspectedMs: 1e12 }
    expect(verdict({ ...ALIVE, ...ages }, { removeUnknownAfterMs: 0, staleAfterMs: 0 }).verdict).toBe('alive')
  })
})

// ---- the oracle: the contract's sentences as plain logic

type Answer = 'alive' | 'dead' | undefined

/** P: undefined where it may not be heard. */
function processAnswer(e: Evidence): Answer {
  if (e.record !== 'read' && e.record !== 'named') return undefined
  if (e.system !== 'linux') {
    return e.boot === 'same' && e.hostname === 'same' && e.process === 'missing' ? 'dead' : undefined
  }
  if (e.namespaces !== 'same') return undefined
  if (e.boot === 'absent' || e.boot === 'not-asked') return e.thread === 'same' ? 'alive' : undefined
  if (e.boot !== 'same') return undefined
  if (e.process === 'missing') return 'dead'
  if (['missing', 'other-start', 'zombie', 'replaced'].includes(e.thread)) return 'dead'
  if (e.thread === 'same') return 'alive'
  return e.thread === 'hidden' && e.process !== 'not-asked' ? 'alive' : undefined
}

/** L: connected is alive wherever it is asked; a refusal must be of the recorded socket, where that means something. */
function leaseAnswer(e: Evidence): Answer {
  if (e.lease === 'answers') return 'alive'
  if (e.lease !== 'refuses' || e.record !== 'read') return undefined
  if (e.fileSystem !== 'proves' || e.leaseIdentity === 'other') return undefined
  return refusalProves(e) ? 'dead' : undefined
}

function refusalProves(e: Evidence): boolean {
  const exact = e.leaseIdentity === 'same'
  if (e.system === 'windows') return exact && e.hostname === 'same'
  const untouched = e.untouchedMs !== undefined && e.untouchedMs > 3 * REFRESH_MS
  if (e.system === 'darwin')
    return exact && e.hostname === 'same' && (e.process === 'missing' || (e.boot === 'same' && untouched))
  const sameType = e.sameFileSystem !== 'other'
  if (e.boot === 'same') {
    return exact || (e.sameFileSystem === 'same-upper' && untouched)
  }
  return sameType && (exact || e.boot === 'other')
}

function oracle(e: Evidence): Verdict['verdict'] {
  if (e.record === 'unknown-version') return e.lease === 'answers' ? 'alive' : 'unknown'
  const heard = [processAnswer(e), leaseAnswer(e), e.name === 'earlier-boot' ? ('dead' as const) : undefined]
  if (heard.includes('alive')) return 'alive'
  if (Object.values(e).includes('not-asked')) return 'unknown'
  return heard.includes('dead') ? 'dead' : 'unknown'
}

type Domain = { readonly [K in keyof Evidence]: readonly Evidence[K][] }

const EVERYWHERE = {
  record: ['read', 'named', 'missing', 'corrupt', 'unknown-version', 'not-asked'],
  boot: ['same', 'other', 'absent', 'not-asked'],
  process: ['exists', 'missing', 'forbidden', 'not-asked'],
  lease: ['answers', 'refuses', 'silent', 'not-asked'],
  leaseIdentity: ['same', 'other-device', 'other'],
  name: ['silent', 'earlier-boot'],
  refreshMs: [REFRESH_MS],
  silentMs: [undefined],
  suspectedMs: [undefined],
} as const

/** The values that can be observed on each system; the rest of a member's values cannot occur there. */
const DOMAINS: readonly Domain[] = [
  {
    ...EVERYWHERE,
    system: ['linux'],
    hostname: ['same'], // only words depend on it
    namespaces: ['same', 'other', 'foreign-proc', 'absent', 'not-asked'],
    thread: ['same', 'replaced', 'missing', 'other-start', 'zombie', 'hidden', 'not-asked'],
    fileSystem: ['proves', 'proves-nothing', 'not-asked'],
    sameFileSystem: ['same-type', 'same-upper', 'other'],
    untouchedMs: [undefined, 3 * REFRESH_MS + 1],
  },
  {
    ...EVERYWHERE,
    system: ['darwin', 'windows'],
    hostname: ['same', 'other'],
    namespaces: ['absent'],
    thread: ['hidden'],
    fileSystem: ['proves', 'proves-nothing'],
    sameFileSystem: ['other'],
    untouchedMs: [undefined, 3 * REFRESH_MS + 1],
  },
]

/** The whole product of each, one object reused. */
function* everyCombination(domain: Domain): Generator<Evidence, void, void> {
  const names = Object.keys(domain) as (keyof Evidence)[] // its keys, by its type
  const evidence: Record<string, unknown> = {}
  function* from(index: number): Generator<Evidence, void, void> {
    const name = names[index]
    if (name === undefined) {
      yield evidence as unknown as Evidence // every member has been set on the way down
      return
    }
    for (const value of domain[name]) {
      evidence[name] = value
      yield* from(index + 1)
    }
  }
  yield* from(0)
}

describe('every combination of evidence', () => {
  test('every verdict agrees with the oracle, has a reason, and calls no runner and no answering lease dead', () => {
    let count = 0
    const wrong: string[] = []
    for (const domain of DOMAINS) {
      for (const e of everyCombination(domain)) {
        count++
        const { verdict: passed, reason } = verdict(e, {})
        const expected = oracle(e)
        const runs =
          e.system === 'linux' &&
          e.boot === 'same' &&
          e.namespaces === 'same' &&
          e.thread === 'same' &&
          e.process === 'exists' &&
          (e.record === 'read' || e.record === 'named')
        const right =
          passed === expected &&
          reason !== '' &&
          (passed === 'unknown' || reason.startsWith(`owner ${passed} (`)) &&
          !(passed === 'dead' && (runs || e.lease === 'answers'))
        if (!right && wrong.length < 5)
          wrong.push(`${passed}, not ${expected}: ${JSON.stringify(e)} ${reason}`)
      }
    }
    expect(wrong).toEqual([])
    expect(count).toBe(1_488_384)
  })
})
