// Observes an owner: by real records, sockets and processes on this machine, and, for what this
// machine is not, by injecting the platform and its answers.

import fs from 'node:fs'
import { setImmediate as turn } from 'node:timers/promises'
import { describe, expect, onTestFinished, test, vi } from 'vitest'
import { type MountTable, parseMounts, readMounts } from '../../src/disk/mounts.ts'
import { gather, type Observer, observer } from '../../src/liveness/evidence.ts'
import { REFRESH_MS } from '../../src/liveness/owner.ts'
import { ownIdentity } from '../../src/liveness/process-identity.ts'
import { type Evidence, type Verdict, verdict } from '../../src/liveness/verdict.ts'
import { darwin } from '../../src/platform/darwin.ts'
import { linux } from '../../src/platform/linux.ts'
import type { OwnIdentity, Platform } from '../../src/platform/platform.ts'
import { type CraftOptions, craftSession, endedPid, REUSED_PID } from '../fixtures/crafted-session.ts'
import { idOf } from '../fixtures/handoff-root.ts'
import { tempBase, tempManager } from '../fixtures/temp-base.ts'
import { LIVE_OWNER } from './live-owner.ts'

const onDisk: Observer = observer({ fs, native: true }, readMounts())

function errno(code: string): Error {
  return Object.assign(new Error(code), { code })
}

async function observe(crafted: CraftOptions, by: Partial<Observer> = {}): Promise<Evidence> {
  const { path, id } = craftSession(tempBase(), crafted)
  return (await gather({ ...onDisk, mounts: readMounts(), ...by }, { directory: path, id })).evidence
}

function verdictOf(evidence: Evidence): Verdict['verdict'] {
  return verdict(evidence, {}).verdict
}

/** This system, with another answer to kill(pid, 0). */
function observing(process: Evidence['process'], on: Platform = linux): Platform {
  return { ...on, observe: (owner) => ({ ...on.observe(owner), process }) }
}

describe('live owners', () => {
  test('a live owner of this machine is alive by both pieces of evidence', async () => {
    const manager = tempManager()
    manager.file()
    await turn()
    const path = String(manager.sessionPath)
    const { evidence: facts, owner } = await gather(onDisk, {
      directory: path,
      id: idOf(path),
    })
    expect(facts).toMatchObject(LIVE_OWNER)
    expect(owner?.pid).toBe(process.pid)
  })

  test('the record of a live owner under the name of another session is not believed', async () => {
    const manager = tempManager()
    manager.file()
    const { evidence: facts } = await gather(onDisk, {
      directory: String(manager.sessionPath),
      id: 'another-id',
    })
    expect(facts.record).toBe('corrupt')
  })
})

describe('threads', () => {
  test('the process of an owner that has ended is missing', async () => {
    const pid = await endedPid()
    expect(await observe({ owner: { pid, tid: pid } })).toMatchObject({ process: 'missing' })
  })

  test('the thread of a reused pid has another start time', async () => {
    expect(await observe({ owner: REUSED_PID })).toMatchObject({ process: 'exists', thread: 'other-start' })
  })

  test('a thread that has ended in a living process is missing, and its owner is dead', async () => {
    const facts = await observe({ owner: { tid: await endedPid() } })
    expect(facts).toMatchObject({ process: 'exists', thread: 'missing' })
    expect(verdictOf(facts)).toBe('dead')
  })

  test("the thread of another user's process is alive: EPERM", async () => {
    const hidden: Platform = { ...linux, observe: () => ({ process: 'forbidden', thread: 'hidden' }) }
    const facts = await observe({}, { platform: hidden })
    expect(facts.process).toBe('forbidden')
    expect(verdictOf(facts)).toBe('alive')
  })

  test("an owner whose pid another user's process has is dead: the start time is readable and differs", async () => {
    const owner = { ...REUSED_PID, pid: 1, tid: 1 }
    const facts = await observe({ owner }, { platform: observing('forbidden') })
    expect(facts).toMatchObject({ process: 'forbidden', thread: 'other-start' })
    expect(verdictOf(facts)).toBe('dead')
  })

  test('an owner whose program execve replaced in this process is dead', async () => {
    const facts = await observe({})
    expect(facts).toMatchObject({ process: 'exists', thread: 'replaced', lease: 'refuses' })
    expect(verdictOf(facts)).toBe('dead')
  })

  test.each([
    ['EMFILE', 'not-asked', 'unknown'],
    ['ENFILE', 'not-asked', 'unknown'],
    ['ENOMEM', 'not-asked', 'unknown'],
    ['EACCES', 'hidden', 'alive'],
  ])(
    'an owner is never dead for a sweeper whose reads of /proc/<pid>/task fail with %s',
    async (code, thread, expected) => {
      const { path, id } = craftSession(tempBase(), { owner: { tid: await endedPid() } })
      const original = fs.readFileSync
      const spied = vi.spyOn(fs, 'readFileSync').mockImplementation(((file: string, ...rest: []) => {
        if (/^\/proc\/\d+\/task\//.test(String(file))) throw errno(code)
        return original(file, ...rest)
      }) as typeof fs.readFileSync)
      onTestFinished(() => spied.mockRestore())
      const { evidence: facts } = await gather(onDisk, { directory: path, id })
      expect(facts.thread).toBe(thread)
      expect(verdictOf(facts)).toBe(expected)
    },
  )
})

describe('identity', () => {
  test.each<{ what: string; owner: Record<string, unknown>; facts: Partial<Evidence> }>([
    { what: 'another boot', owner: { bootId: 'b' }, facts: { boot: 'other' } },
    { what: 'an unknown boot', owner: { bootId: undefined }, facts: { boot: 'absent' } },
    { what: 'another pid namespace', owner: { pidNamespace: 'pid:[1]' }, facts: { namespaces: 'other' } },
    {
      what: 'an unknown pid namespace',
      owner: { pidNamespace: undefined },
      facts: { namespaces: 'absent' },
    },
    { what: 'another time namespace', owner: { timeNamespace: 'time:[1]' }, facts: { namespaces: 'other' } },
    {
      what: 'a time namespace on one side only',
      owner: { timeNamespace: undefined },
      facts: { namespaces: 'other' },
    },
    { what: 'another host', owner: { hostname: 'elsewhere' }, facts: { hostname: 'other' } },
    { what: 'an empty host name', owner: { hostname: '' }, facts: { hostname: 'other' } },
  ])('the evidence of an owner record shows $what', async ({ owner, facts }) => {
    expect(await observe({ owner })).toMatchObject(facts)
  })

  test('a record and a sweeper that both lack a time namespace have the same namespaces', async () => {
    const self: OwnIdentity = { ...ownIdentity(), timeNamespace: undefined }
    expect(await observe({ owner: { timeNamespace: undefined } }, { self })).toMatchObject({
      namespaces: 'same',
    })
  })
})

describe('leases', () => {
  const other = { pidNamespace: 'pid:[1]' } // so that the lease alone counts

  test('the lease of a dead owner refuses, and is the recorded one', async () => {
    const facts = await observe({ owner: other })
    expect(facts).toMatchObject({ lease: 'refuses', leaseIdentity: 'same' })
    expect(verdictOf(facts)).toBe('dead')
  })

  test('a lease that is missing proves nothing', async () => {
    const facts = await observe({ owner: other, lease: 'none' })
    expect(facts.lease).toBe('silent')
    expect(verdictOf(facts)).toBe('unknown')
  })

  test('a lease that is a plain file proves nothing', async () => {
    const facts = await observe({ owner: other, lease: 'none', files: { lease: '' } })
    expect(verdictOf(facts)).toBe('unknown')
  })

  test('a lease with another inode than recorded proves nothing', async () => {
    const facts = await observe({ owner: { ...other, lease: { dev: '1', ino: '1' } } })
    expect(facts).toMatchObject({ lease: 'refuses', leaseIdentity: 'other' })
    expect(verdictOf(facts)).toBe('unknown')
  })

  const mountedAs = (fsType: string, options = ''): MountTable =>
    parseMounts(`1 1 0:1 / / rw - ${fsType} none rw${options}\n`)

  test.each(['ext2', 'ext3', 'ext4', 'xfs', 'btrfs', 'f2fs', 'zfs', 'tmpfs', 'overlay'])(
    'a lease that refuses proves death on %s',
    async (fsType) => {
      expect(verdictOf(await observe({ owner: other }, { mounts: mountedAs(fsType) }))).toBe('dead')
    },
  )

  test.each([
    'nfs',
    'nfs4',
    'cifs',
    'smb3',
    '9p',
    'virtiofs',
    'fuse',
    'fuse.sshfs',
    'fuseblk',
    'vfat',
    'new-one',
  ])(
    'a lease that refuses proves nothing on %s, also when the record names another file system',
    async (fsType) => {
      const owner = { ...other, fsType: 'ext4' }
      expect(verdictOf(await observe({ owner }, { mounts: mountedAs(fsType) }))).toBe('unknown')
    },
  )

  test('a lease that refuses proves nothing where the mount table cannot be read', async () => {
    expect(verdictOf(await observe({ owner: other }, { mounts: parseMounts('') }))).toBe('unknown')
  })

  test('after a reboot a lease that refuses proves death only on the file system that was recorded', async () => {
    const owner = { bootId: 'before' }
    expect(verdictOf(await observe({ owner }))).toBe('dead')
    expect(verdictOf(await observe({ owner: { ...owner, fsType: 'minix' } }))).toBe('unknown')
  })

  test('a lease on an overlay whose device changed proves death only for the same upper directory', async () => {
    const mounts = mountedAs('overlay', ',lowerdir=/l,upperdir=/u,workdir=/w')
    const { path, id } = craftSession(tempBase(), { owner: other })
    const record = JSON.parse(fs.readFileSync(`${path}/owner.json`, 'utf8'))
    for (const [upperDir, expected] of [
      ['/u', 'dead'],
      ['/elsewhere', 'unknown'],
    ] as const) {
      const lease = { ...record.lease, dev: '1' }
      fs.writeFileSync(
        `${path}/owner.json`,
        JSON.stringify({ ...record, fsType: 'overlay', upperDir, lease }),
      )
      const { evidence: facts } = await gather(
        { ...onDisk, mounts, wantsAges: true, now: () => Date.now() + 4 * REFRESH_MS },
        { directory: path, id },
      )
      expect(verdictOf(facts), upperDir).toBe(expected)
    }
  })

  test('a lease on an injected file system is not asked', async () => {
    expect(await observe({ owner: other }, { native: false })).toMatchObject({
      lease: 'silent',
      fileSystem: 'proves-nothing',
    })
  })
})

describe('elsewhere than Linux (injected; not run there)', () => {
  const self = ownIdentity(darwin)
  const missing = observing('missing', darwin)

  test.each<{ what: string; owner: Record<string, unknown>; kill: Platform; expected: string }>([
    { what: 'ESRCH on the same host and boot', owner: {}, kill: missing, expected: 'dead' },
    { what: 'a process with the pid', owner: {}, kill: observing('exists', darwin), expected: 'unknown' },
    { what: 'another host', owner: { hostname: 'elsewhere' }, kill: missing, expected: 'unknown' },
    { what: 'another boot', owner: { bootId: 'minute:1' }, kill: missing, expected: 'unknown' },
    { what: 'no boot on record', owner: { bootId: undefined }, kill: missing, expected: 'unknown' },
  ])('on macOS the verdict on an owner is $expected: $what', async ({ owner, kill, expected }) => {
    const recorded = { ...self, ...owner }
    const facts = await observe({ owner: recorded, lease: 'none' }, { platform: kill, self })
    expect(facts).toMatchObject({ system: 'darwin', lease: 'silent', thread: 'hidden' })
    expect(verdictOf(facts)).toBe(expected)
  })

  test("on macOS a clock's drift of a minute is still the same boot", async () => {
    const minute = Number(String(self.bootId).slice('minute:'.length))
    const owner = { ...self, bootId: `minute:${minute + 1}` }
    expect(await observe({ owner }, { platform: missing, self })).toMatchObject({
      boot: 'same',
    })
  })
})

describe('a record that cannot be believed', () => {
  test.each<{ what: string; record: string | undefined; state: Evidence['record'] }>([
    { what: 'no file', record: undefined, state: 'missing' },
    { what: 'an empty file', record: '', state: 'corrupt' },
    { what: 'half a record', record: '{"v":1,"id":', state: 'corrupt' },
    { what: 'an array', record: '[]', state: 'corrupt' },
    { what: 'no version', record: '{}', state: 'corrupt' },
    { what: 'another version', record: '{"v":2}', state: 'unknown-version' },
  ])('an owner record is $state and proves nothing: $what', async ({ record, state }) => {
    const facts = await observe({ record })
    expect(facts.record).toBe(state)
    expect(verdictOf(facts)).toBe('unknown')
  })

  test.each([0, -1, 1.5, '12', 2 ** 40, null])('a pid of %j is never asked for', async (pid) => {
    const ask = vi.fn(linux.observe)
    expect(await observe({ owner: { pid } }, { platform: { ...linux, observe: ask } })).toMatchObject({
      record: 'corrupt',
    })
    expect(ask).not.toHaveBeenCalled()
  })
})
