// What is observed of an owner: by real records, sockets and processes on this machine, and, for what this
// machine is not, by injecting the platform and its answers.

import fs from 'node:fs'
import { describe, expect, onTestFinished, test, vi } from 'vitest'
import { type MountTable, parseMounts, readMounts } from '../../src/disk/mounts.ts'
import { gather, type Observer, observer } from '../../src/liveness/evidence.ts'
import { ownIdentity, type ProcessIdentity } from '../../src/liveness/process-identity.ts'
import { type Facts, verdict } from '../../src/liveness/verdict.ts'
import { type CraftOptions, craftSession, endedPid, REUSED_PID } from '../fixtures/crafted-session.ts'
import { tempBase, tempManager } from '../fixtures/temp-base.ts'
import { LIVE_OWNER } from './live-owner.ts'

const onDisk: Observer = observer({ fs, native: true }, readMounts())

function errno(code: string): Error {
  return Object.assign(new Error(code), { code })
}

async function observe(crafted: CraftOptions, by: Partial<Observer> = {}): Promise<Facts> {
  const { path, id } = craftSession(tempBase(), crafted)
  return (await gather({ ...onDisk, mounts: readMounts(), ...by }, path, id)).facts
}

describe('a live owner of this machine', () => {
  test('is alive by both pieces of evidence', async () => {
    const manager = tempManager()
    manager.file()
    const path = String(manager.sessionPath)
    const { facts, owner } = await gather(onDisk, path, path.slice(path.indexOf('/s-') + 3))
    expect(facts).toMatchObject(LIVE_OWNER)
    expect(owner?.pid).toBe(process.pid)
  })

  test('is another by name: a record found under a foreign name is not believed', async () => {
    const manager = tempManager()
    manager.file()
    const { facts } = await gather(onDisk, String(manager.sessionPath), 'somebody-else')
    expect(facts.record).toBe('corrupt')
  })
})

describe('the thread', () => {
  test('of an ended process is missing', async () => {
    const pid = await endedPid()
    expect(await observe({ owner: { pid, tid: pid } })).toMatchObject({ process: 'missing' })
  })

  test('of a reused pid started at another time', async () => {
    expect(await observe({ owner: REUSED_PID })).toMatchObject({ process: 'exists', thread: 'other-start' })
  })

  test('that has ended in a living process is missing', async () => {
    const facts = await observe({ owner: { tid: await endedPid() } })
    expect(facts).toMatchObject({ process: 'exists', thread: 'missing' })
    expect(verdict(facts).verdict).toBe('dead')
  })

  test("of another user's process is alive: EPERM", async () => {
    const facts = await observe(
      {},
      {
        kill: () => {
          throw errno('EPERM')
        },
      },
    )
    expect(facts.process).toBe('forbidden')
    expect(verdict(facts).verdict).toBe('alive')
  })

  test.each(['EMFILE', 'ENFILE', 'EACCES', 'ENOMEM'])(
    'is alive for a sweeper whose look into /proc fails with %s at any point',
    async (code) => {
      const { path, id } = craftSession(tempBase(), { owner: { tid: await endedPid() } })
      const original = fs.readFileSync
      const spied = vi.spyOn(fs, 'readFileSync').mockImplementation(((file: string, ...rest: []) => {
        if (/^\/proc\/\d+\/task\//.test(String(file))) throw errno(code)
        return original(file, ...rest)
      }) as typeof fs.readFileSync)
      onTestFinished(() => spied.mockRestore())
      const { facts } = await gather(onDisk, path, id)
      expect(facts.thread).toBe('unreadable')
      expect(verdict(facts).verdict).toBe('alive')
    },
  )
})

describe('identity', () => {
  test.each<{ what: string; owner: Record<string, unknown>; facts: Partial<Facts> }>([
    { what: 'another boot', owner: { bootId: 'b' }, facts: { boot: 'other' } },
    { what: 'an unreadable boot', owner: { bootId: undefined }, facts: { boot: 'unreadable' } },
    { what: 'another pid namespace', owner: { pidNamespace: 'pid:[1]' }, facts: { namespaces: 'other' } },
    {
      what: 'an unread pid namespace',
      owner: { pidNamespace: undefined },
      facts: { namespaces: 'unreadable' },
    },
    { what: 'another time namespace', owner: { timeNamespace: 'time:[1]' }, facts: { namespaces: 'other' } },
    {
      what: 'a time namespace on one side only',
      owner: { timeNamespace: undefined },
      facts: { namespaces: 'other' },
    },
    { what: 'another host', owner: { hostname: 'elsewhere' }, facts: { hostname: 'other' } },
    { what: 'an empty host name', owner: { hostname: '' }, facts: { hostname: 'other' } },
  ])('$what is told', async ({ owner, facts }) => {
    expect(await observe({ owner })).toMatchObject(facts)
  })

  test('a kernel without time namespaces on both sides is the same', async () => {
    const self: ProcessIdentity = { ...ownIdentity(), timeNamespace: undefined }
    expect(await observe({ owner: { timeNamespace: undefined } }, { self })).toMatchObject({
      namespaces: 'same',
    })
  })
})

describe('the lease', () => {
  const other = { pidNamespace: 'pid:[1]' } // so that the lease alone counts

  test('of a dead owner refuses, and is the recorded one', async () => {
    const facts = await observe({ owner: other })
    expect(facts).toMatchObject({ lease: 'refuses', leaseDevice: 'same', leaseInode: 'same' })
    expect(verdict(facts).verdict).toBe('dead')
  })

  test('that is missing proves nothing', async () => {
    const facts = await observe({ owner: other, lease: 'none' })
    expect(facts.lease).toBe('silent')
    expect(verdict(facts).verdict).toBe('unknown')
  })

  test('that is a plain file proves nothing', async () => {
    const facts = await observe({ owner: other, lease: 'none', files: { lease: '' } })
    expect(verdict(facts).verdict).toBe('unknown')
  })

  test('with another inode than recorded proves nothing', async () => {
    const facts = await observe({ owner: { ...other, lease: { dev: '1', ino: '1' } } })
    expect(facts).toMatchObject({ lease: 'refuses', leaseInode: 'other' })
    expect(verdict(facts).verdict).toBe('unknown')
  })

  const mountedAs = (fsType: string, options = ''): MountTable =>
    parseMounts(`1 1 0:1 / / rw - ${fsType} none rw${options}\n`)

  test.each(['ext2', 'ext3', 'ext4', 'xfs', 'btrfs', 'f2fs', 'zfs', 'tmpfs', 'overlay'])(
    'proves death on %s',
    async (fsType) => {
      expect(verdict(await observe({ owner: other }, { mounts: mountedAs(fsType) })).verdict).toBe('dead')
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
  ])('proves nothing on %s, whatever file system the record pretends', async (fsType) => {
    const owner = { ...other, fsType: 'ext4' }
    expect(verdict(await observe({ owner }, { mounts: mountedAs(fsType) })).verdict).toBe('unknown')
  })

  test('proves nothing where the mount table cannot be read', async () => {
    expect(verdict(await observe({ owner: other }, { mounts: parseMounts('') })).verdict).toBe('unknown')
  })

  test('after a reboot, with the same file system and inode, proves death', async () => {
    const owner = { bootId: 'before' }
    expect(verdict(await observe({ owner })).verdict).toBe('dead')
    expect(verdict(await observe({ owner: { ...owner, fsType: 'minix' } })).verdict).toBe('unknown')
  })

  test('on an overlay whose device changed proves death only for the same upper directory', async () => {
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
      const { facts } = await gather({ ...onDisk, mounts }, path, id)
      expect(verdict(facts).verdict, upperDir).toBe(expected)
    }
  })

  test('is not asked on an injected file system', async () => {
    expect(await observe({ owner: other }, { native: false })).toMatchObject({
      lease: 'silent',
      provingFileSystem: false,
    })
  })
})

describe('elsewhere than Linux (injected; not run there)', () => {
  const self = ownIdentity('darwin')
  const missing = (): never => {
    throw errno('ESRCH')
  }

  test.each<{ what: string; owner: Record<string, unknown>; kill: () => void; expected: string }>([
    { what: 'ESRCH on the same host and boot', owner: {}, kill: missing, expected: 'dead' },
    { what: 'a process with the pid', owner: {}, kill: () => {}, expected: 'unknown' },
    { what: 'another host', owner: { hostname: 'elsewhere' }, kill: missing, expected: 'unknown' },
    { what: 'another boot', owner: { bootId: 'minute:1' }, kill: missing, expected: 'unknown' },
    { what: 'no boot on record', owner: { bootId: undefined }, kill: missing, expected: 'unknown' },
  ])('$what: $expected', async ({ owner, kill, expected }) => {
    const recorded = { ...self, ...owner }
    const facts = await observe({ owner: recorded }, { platform: 'darwin', self, kill })
    expect(facts).toMatchObject({ platform: 'other', lease: 'silent', thread: 'unreadable' })
    expect(verdict(facts).verdict).toBe(expected)
  })

  test("a clock's drift of a minute is still the same boot", async () => {
    const minute = Number(String(self.bootId).slice('minute:'.length))
    const owner = { ...self, bootId: `minute:${minute + 1}` }
    expect(await observe({ owner }, { platform: 'darwin', self, kill: missing })).toMatchObject({
      boot: 'same',
    })
  })
})

describe('a record that cannot be believed', () => {
  test.each<{ what: string; record: string | undefined; state: Facts['record'] }>([
    { what: 'none at all', record: undefined, state: 'missing' },
    { what: 'an empty file', record: '', state: 'corrupt' },
    { what: 'half a record', record: '{"v":1,"id":', state: 'corrupt' },
    { what: 'an array', record: '[]', state: 'corrupt' },
    { what: 'no version', record: '{}', state: 'corrupt' },
    { what: 'another version', record: '{"v":2}', state: 'unknown-version' },
  ])('$what is $state', async ({ record, state }) => {
    const facts = await observe({ record })
    expect(facts.record).toBe(state)
    expect(verdict(facts).verdict).toBe('unknown')
  })

  test.each([0, -1, 1.5, '12', 2 ** 40, null])('a pid of %j is never asked for', async (pid) => {
    const kill = vi.fn()
    expect(await observe({ owner: { pid } }, { kill })).toMatchObject({ record: 'corrupt' })
    expect(kill).not.toHaveBeenCalled()
  })
})
