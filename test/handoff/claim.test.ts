import { mkdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { hostname } from 'node:os'
import { basename, join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { type FileSystem, isTempFileError } from '../../src/index.ts'
import { deadName, goneName } from '../../src/layout.ts'
import { failure } from '../fixtures/failures.ts'
import { namesIn, published } from '../fixtures/handoff-root.ts'
import { silentDisk } from '../fixtures/silent-disk.ts'
import { slashed } from '../fixtures/slashed.ts'
import { steppingDisk, systemError } from '../fixtures/stepping-disk.ts'
import { tempBase, tempManager } from '../fixtures/temp-base.ts'

const UNKNOWN = '0123456789abcdefghjkmnpqrs'

describe('claiming', () => {
  it('claim() moves the handoff into the session, and counts the attempt on disk before it resolves', async () => {
    const manager = tempManager()
    const ticket = await (await manager.receive('text', { name: 'a.txt' })).handOff()
    const claim = await manager.claim(ticket)
    const directory = join(manager.sessionPath ?? '', 'claims', ticket)
    expect(claim.path).toBe(join(directory, 'data', 'a.txt'))
    expect(namesIn(directory)).toEqual(['attempt-1', 'data', 'handoff.json'])
    expect(published(manager.root)).toEqual([])
    expect(manager.stats()).toMatchObject({ claims: 1, claimed: 1, handedOff: 1, entries: 1 })
  })

  it('a handoff that is claimed is refused, with the pid, the host and the time of its claim', async () => {
    const baseDir = tempBase()
    const [publisher, one, two] = [0, 1, 2].map(() => tempManager({ baseDir }))
    const ticket = (await (await publisher?.receive('text'))?.handOff()) ?? ''
    const before = Date.now()
    await one?.claim(ticket)
    // The volume's clock ticks with the kernel's timer: 10 ms at worst.
    const [from, to] = [before - 20, Date.now() + 20]
    for (const manager of [one, two, publisher]) {
      const error = await failure('ERR_TEMP_HANDOFF_CLAIMED', () => manager?.claim(ticket))
      expect(error.status).toBe(409)
      expect(error.details).toMatchObject({ pid: process.pid })
      const since = Number(error.details?.['claimedAtMs'])
      expect(since).toBeGreaterThan(from)
      expect(since).toBeLessThan(to)
      expect(error.message).toContain(
        `process ${process.pid} on ${hostname()} since ${new Date(since).toISOString()}`,
      )
    }
  })

  it('claim(), inspect() and discard() of an unknown and of a discarded ticket throw GONE', async () => {
    const manager = tempManager()
    await failure('ERR_TEMP_HANDOFF_GONE', () => manager.claim(UNKNOWN))
    const ticket = await manager.file().handOff()
    await manager.discard(ticket)
    for (const gone of [UNKNOWN, ticket]) {
      const error = await failure('ERR_TEMP_HANDOFF_GONE', () => manager.claim(gone))
      expect(error.status).toBe(410)
      expect(error.message).toContain('completed, it expired, or it was published under another name')
      await failure('ERR_TEMP_HANDOFF_GONE', () => manager.inspect(gone))
      await failure('ERR_TEMP_HANDOFF_GONE', () => manager.discard(gone))
    }
  })

  it('claim() searches several times: a handoff that appears meanwhile is claimed', async () => {
    const baseDir = tempBase()
    const publisher = tempManager({ baseDir })
    const ticket = await publisher.file().handOff()
    const handoff = join(publisher.root, 'handoffs', ticket)
    const hidden = join(baseDir, 'hidden')
    renameSync(handoff, hidden)
    let looks = 0
    const fs: FileSystem = steppingDisk((call, to) => {
      // Each attempt starts with the rename; the fourth finds it there again.
      if (call === 'rename' && slashed(to).endsWith(`/claims/${ticket}`) && ++looks === 4)
        renameSync(hidden, handoff)
    })
    const claim = await tempManager({ baseDir, fs }).claim(ticket)
    expect(looks).toBe(4)
    expect(claim.attempt).toBe(1)
  })

  it('claim() finds a handoff in the claims of a tombstone whose owner lives, and throws CLAIMED', async () => {
    const baseDir = tempBase()
    const [owner, other] = [tempManager({ baseDir }), tempManager({ baseDir })]
    const ticket = await owner.file().handOff()
    await owner.claim(ticket)
    const live = owner.sessionPath ?? ''
    const tombstone = join(live, '..', deadName(basename(live).slice('s-'.length)))
    renameSync(live, tombstone)
    const error = await failure('ERR_TEMP_HANDOFF_CLAIMED', () => other.claim(ticket))
    expect(error.details).toMatchObject({ pid: process.pid })
    expect(await other.inspect(ticket)).toMatchObject({ state: 'claimed', claimant: { pid: process.pid } })
    expect(await other.handoffs()).toMatchObject([{ ticket, state: 'claimed' }])
  })

  it('claim() takes a handoff out of a condemned session whose deletion has not finished', async () => {
    const baseDir = tempBase()
    const [owner, other] = [tempManager({ baseDir, onCleanupError: () => {} }), tempManager({ baseDir })]
    const ticket = await (await owner.receive('text')).handOff()
    await owner.claim(ticket)
    const live = owner.sessionPath ?? ''
    renameSync(live, join(live, '..', goneName(basename(live).slice('s-'.length))))
    const claim = await other.claim(ticket)
    expect([claim.attempt, readFileSync(claim.path, 'utf8')]).toEqual([2, 'text'])
  })

  it('claim() throws SESSION_LOST when its own session was removed, and works in a new one', async () => {
    const lost: string[] = []
    const manager = tempManager({ onCleanupError: (error) => lost.push(error.code) })
    const other = tempManager({ baseDir: join(manager.root, '..') })
    const ticket = await other.file().handOff()
    manager.file()
    rmSync(manager.sessionPath ?? '', { recursive: true })
    await failure('ERR_TEMP_SESSION_LOST', () => manager.claim(ticket))
    expect(published(manager.root)).toEqual([ticket])
    manager.file()
    expect((await manager.claim(ticket)).attempt).toBe(1)
  })

  it('claim() takes its own session back from a tombstone before it claims', async () => {
    const baseDir = tempBase()
    const manager = tempManager({ baseDir })
    const other = tempManager({ baseDir })
    const ticket = await other.file().handOff()
    manager.file()
    const live = manager.sessionPath ?? ''
    renameSync(live, join(live, '..', deadName(basename(live).slice('s-'.length))))
    expect((await manager.claim(ticket)).attempt).toBe(1)
    expect(statSync(live).isDirectory()).toBe(true)
  })

  it('claim() believes in its own unheld claim: the rename was answered wrongly and had won (NFS)', async () => {
    let lie = true
    const manager = tempManager({
      fs: {
        ...steppingDisk(() => {}),
        renameSync(from, to) {
          renameSync(from, to)
          if (!lie || !slashed(to).includes('/claims/')) return
          lie = false
          throw systemError('ENOENT')
        },
      },
    })
    const ticket = await manager.file().handOff()
    expect((await manager.claim(ticket)).attempt).toBe(1)
    expect(manager.stats().claims).toBe(1)
  })

  it('a claim that fails half way leaves the handoff to others', async () => {
    const baseDir = tempBase()
    const other = tempManager({ baseDir })
    const ticket = await (await other.receive('text')).handOff()
    const manager = tempManager({
      baseDir,
      fs: steppingDisk((call, path) => {
        if (call === 'rename' && slashed(path).includes('/attempt-')) throw systemError('EIO')
      }),
    })
    await failure('ERR_TEMP_IO', () => manager.claim(ticket))
    expect(manager.stats()).toMatchObject({ claims: 0, entries: 0 })
    expect((await other.claim(ticket)).attempt).toBe(1)
  })

  it('a claim is refused by a full quota of entries before anything is moved or counted', async () => {
    const baseDir = tempBase()
    const other = tempManager({ baseDir })
    const ticket = await other.file().handOff()
    const manager = tempManager({ baseDir, limits: { liveEntries: 1 } })
    const only = manager.file()
    await failure('ERR_TEMP_QUOTA', () => manager.claim(ticket))
    expect(published(other.root)).toEqual([ticket])
    only.removeSync()
    expect((await manager.claim(ticket)).attempt).toBe(1)
  })

  it('claim() starts the count again where the counter file was removed by hand', async () => {
    const manager = tempManager()
    const ticket = await manager.file().handOff()
    rmSync(join(manager.root, 'handoffs', ticket, 'attempt-0'))
    expect((await manager.claim(ticket)).attempt).toBe(1)
  })

  it('claim() completes a handoff whose data was moved away already, and throws GONE', async () => {
    const manager = tempManager()
    const ticket = await manager.file({ name: 'a' }).handOff()
    rmSync(join(manager.root, 'handoffs', ticket, 'data', 'a'))
    await failure('ERR_TEMP_HANDOFF_GONE', () => manager.claim(ticket))
    expect(published(manager.root)).toEqual([])
    expect(namesIn(manager.root, 'sessions')).toHaveLength(1)
  })

  it('a claim is refused by a closed manager, and given up by one that closes meanwhile', async () => {
    const baseDir = tempBase()
    const manager = tempManager({ baseDir })
    manager.file()
    const claiming = manager.claim(UNKNOWN).catch((error: unknown) => error)
    await manager.close()
    const error = await claiming
    expect(isTempFileError(error) && error.code).toMatch(/ERR_TEMP_(CLOSED|HANDOFF_GONE)/)
    await failure('ERR_TEMP_CLOSED', () => manager.claim(UNKNOWN))
    const sync = tempManager({ baseDir })
    sync.file()
    const second = sync.claim(UNKNOWN).catch((reason: unknown) => reason)
    sync.closeSync()
    expect(await second).toMatchObject({ code: 'ERR_TEMP_CLOSED' })
  })

  it('claim() throws ERR_TEMP_IO on a disk that answers no question', async () => {
    const { fs, silence } = silentDisk('renameSync', 'lstatSync')
    const manager = tempManager({ fs, onCleanupError: () => {} })
    const ticket = await manager.file().handOff()
    silence()
    await failure('ERR_TEMP_IO', () => manager.claim(ticket))
  })

  it('claim() of an unknown ticket throws ERR_TEMP_IO while no directory can be listed', async () => {
    const { fs, silence } = silentDisk('readdirSync')
    const manager = tempManager({ fs })
    manager.file()
    silence()
    await failure('ERR_TEMP_IO', () => manager.claim(UNKNOWN))
  })

  it('handoffs() and inspect() find nothing in a root that does not exist, and do not create it', async () => {
    const manager = tempManager()
    expect(await manager.handoffs()).toEqual([])
    await failure('ERR_TEMP_HANDOFF_GONE', () => manager.inspect(UNKNOWN))
    expect(namesIn(manager.root)).toEqual([])
  })
})

describe('foreign entries of handoffs/', () => {
  it('an entry of handoffs/ that this package did not make is left alone by lists and sweeps', async () => {
    const manager = tempManager()
    await manager.discard(await manager.file().handOff())
    mkdirSync(join(manager.root, 'handoffs', 'lost+found'))
    writeFileSync(join(manager.root, 'handoffs', 'note.txt'), 'mine')
    expect(await manager.handoffs()).toEqual([])
    const report = await manager.sweep()
    expect(report.items.filter((entry) => entry.name.startsWith('handoffs/'))).toMatchObject([
      { kind: 'foreign', action: 'kept' },
      { kind: 'foreign', action: 'kept' },
    ])
    expect(published(manager.root)).toEqual(['lost+found', 'note.txt'])
  })
})
