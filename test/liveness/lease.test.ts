import {
  closeSync,
  existsSync,
  fstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  renameSync,
  statSync,
} from 'node:fs'
import { join } from 'node:path'
import { setImmediate as turn } from 'node:timers/promises'
import { describe, expect, onTestFinished, test } from 'vitest'
import { bindLease as bind, bindLeases, type Lease } from '../../src/liveness/lease.ts'
import { runChild } from '../fixtures/child.ts'
import { idOf } from '../fixtures/handoff-root.ts'
import { knock, socketIdentity } from '../fixtures/knock.ts'
import { tempBase, tempManager } from '../fixtures/temp-base.ts'

const bindLease = (directory: string): Lease | undefined => bind({ directory, id: '' }, 'lease')

/** Descriptors of this process that are sockets. */
function sockets(): { fd: number; name: string }[] {
  return readdirSync('/proc/self/fd').flatMap((fd) => {
    try {
      const name = readlinkSync(`/proc/self/fd/${fd}`)
      return name.startsWith('socket:') ? [{ fd: Number(fd), name }] : []
    } catch {
      return []
    }
  })
}

/** A lease and the descriptor it listens on. */
function boundLease(directory: string): { lease: NonNullable<ReturnType<typeof bindLease>>; fd: number } {
  const before = new Set(sockets().map((socket) => socket.name))
  const lease = bindLease(directory)
  const fd = sockets().find((socket) => !before.has(socket.name))?.fd
  if (lease === undefined || fd === undefined) throw new Error('no lease')
  onTestFinished(() => lease.close())
  return { lease, fd }
}

describe('leases', () => {
  test('a lease answers as long as it is held, and refuses afterwards', async () => {
    const directory = tempBase()
    const { lease } = boundLease(directory)
    expect(readdirSync(directory), 'under its last name at once').toEqual(['lease'])
    expect(statSync(join(directory, 'lease')).mode & 0o777).toBe(0o600)
    expect(socketIdentity(directory)).toEqual(lease.identity)
    expect(await knock(directory)).toBe('answers')
    expect(await knock(directory), 'again').toBe('answers')
    lease.close()
    expect(existsSync(join(directory, 'lease')), 'its file stays: the proof of death').toBe(true)
    expect(await knock(directory)).toBe('refuses')
  })

  test.each([100, 107, 108, 150, 240])(
    'a lease works in a directory whose path has %d bytes more',
    async (length) => {
      const directory = join(tempBase(), 'p'.repeat(length))
      mkdirSync(directory)
      const before = readdirSync('/proc/self/fd').length
      const { lease } = boundLease(directory)
      expect(readdirSync(directory)).toEqual(['lease'])
      expect(await knock(directory)).toBe('answers')
      lease.close()
      expect(await knock(directory)).toBe('refuses')
      await new Promise((resolve) => setImmediate(resolve))
      expect(readdirSync('/proc/self/fd').length, 'descriptors').toBeLessThanOrEqual(before)
    },
  )

  test('a lease in a long path survives the end of another in a path like it', async () => {
    const [one, two] = [join(tempBase(), 'p'.repeat(150)), join(tempBase(), 'q'.repeat(150))]
    mkdirSync(one)
    mkdirSync(two)
    const leases = [boundLease(one), boundLease(two)] as const
    leases[0].lease.close()
    await new Promise((resolve) => setImmediate(resolve))
    expect([existsSync(join(one, 'lease')), existsSync(join(two, 'lease'))]).toEqual([true, true])
    expect(await knock(two)).toBe('answers')
  })

  test('a lease still answers after its directory was renamed', async () => {
    const directory = join(tempBase(), 'before')
    mkdirSync(directory)
    boundLease(directory)
    renameSync(directory, `${directory}-after`)
    expect(await knock(`${directory}-after`)).toBe('answers')
    expect(await knock(directory), 'where nothing is, nothing is proved').toBe('silent')
  })

  test('a lease that cannot be bound is not an error', async () => {
    expect(bindLease(join(tempBase(), 'not there'))).toBeUndefined()
    expect(bindLease('/proc/self')).toBeUndefined()
    await new Promise((resolve) => setImmediate(resolve)) // a late error event would be uncaught here
  })

  test('a lease that is a plain file has no identity, and refuses', async () => {
    const directory = tempBase()
    closeSync(openSync(join(directory, 'lease'), 'w'))
    expect(socketIdentity(directory)).toBeUndefined()
    expect(await knock(directory)).toBe('refuses')
  })
})

test('two leases of a session are on descriptors that are not neighbours', () => {
  const directory = tempBase()
  const before = new Set(sockets().map((socket) => socket.name))
  const leases = bindLeases({ directory, id: '' })
  onTestFinished(() => {
    for (const lease of leases) lease.close()
  })
  const [one = 0, two = 0] = sockets().flatMap(({ fd, name }) => (before.has(name) ? [] : [fd]))
  expect(leases.map((lease) => lease.name)).toEqual(['lease', 'lease-2'])
  expect(Math.abs(one - two)).toBeGreaterThan(8)
})

describe('leases that stray code closed', () => {
  test('a lease whose descriptor stray code closed does not close a file that has its number now', async () => {
    const directory = tempBase()
    const { lease, fd } = boundLease(directory)
    expect(await knock(directory)).toBe('answers') // the loop has polled: libuv itself aborts if it finds a file there first
    closeSync(fd)
    const innocent = openSync(join(directory, 'innocent'), 'w')
    expect(innocent).toBe(fd)
    lease.close()
    await new Promise((resolve) => setImmediate(resolve))
    expect(fstatSync(innocent).isFile()).toBe(true)
    closeSync(innocent)
  })

  test('a lease that stray code closed is bound again by a refresh; the other one answers meanwhile', async () => {
    const ended = await runChild('closed-lease.mts', { args: [tempBase()] })
    expect(ended.stderr).toBe('')
    expect(ended.stdout.trim().split('\n')).toEqual([
      'before answers answers',
      'closed refuses answers',
      'refreshed answers answers',
      'record agrees true',
      'innocent file true',
      'left 0',
    ])
    expect(ended.code).toBe(0)
  })
})

test('owner.json names the owner at once, and its leases when the event loop has turned', async () => {
  const manager = tempManager()
  manager.file()
  const first = JSON.parse(readFileSync(join(String(manager.sessionPath), 'owner.json'), 'utf8'))
  expect(first).toMatchObject({ v: 1, pid: process.pid })
  expect(readdirSync(String(manager.sessionPath))).not.toContain('lease')
  await turn()
  const session = manager.sessionPath ?? ''
  const owner = JSON.parse(readFileSync(join(session, 'owner.json'), 'utf8'))
  const lease = statSync(join(session, 'lease'), { bigint: true })
  expect(owner).toMatchObject({
    v: 1,
    id: idOf(session),
    pid: process.pid,
    bootId: readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim(),
    pidNamespace: readlinkSync('/proc/self/ns/pid'),
    lease: { dev: String(lease.dev), ino: String(lease.ino) },
    lease2: socketIdentity(session, 'lease-2'),
  })
  expect(owner.startTime).toMatch(/^\d+$/)
  expect(Math.abs(Date.now() - owner.startedAt)).toBeLessThan(60_000)
  expect(owner.fsType).toMatch(/^[a-z0-9]+$/)
})
