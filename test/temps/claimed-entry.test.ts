import { once } from 'node:events'
import { existsSync, mkdirSync, readFileSync, renameSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import type { FileSystem, TempFileError, TempFileManager } from '../../src/index.ts'
import { failure } from '../fixtures/failures.ts'
import { digestsOf, EMPTY_SESSION, namesIn, published, tombstoneOf } from '../fixtures/handoff-root.ts'
import { slashed } from '../fixtures/slashed.ts'
import { steppingDisk, systemError } from '../fixtures/stepping-disk.ts'
import { tempBase, tempManager } from '../fixtures/temp-base.ts'
import { elsewhere } from './devices.ts'

async function handoff(manager: TempFileManager): Promise<string> {
  return (await manager.receive('text', { name: 'a.txt' })).handOff({ meta: { job: 1 } })
}

/** Another program takes a claim away, and publishes the handoff again. */
function loseClaim(manager: TempFileManager, ticket: string): void {
  renameSync(join(manager.sessionPath ?? '', 'claims', ticket), join(manager.root, 'handoffs', ticket))
}

/** The entries that are left in the session after the end of a claim. */
function inSession(manager: TempFileManager): string[] {
  return namesIn(manager.sessionPath ?? '').concat(namesIn(manager.sessionPath ?? '', 'claims'))
}

/** A manager whose syncs are counted, and fail while they are broken. */
function countingSyncs() {
  const syncs = { broken: false, count: 0 }
  const fs = steppingDisk((call) => {
    if (call !== 'fsync') return
    if (syncs.broken) throw systemError('EIO')
    syncs.count++
  })
  return { manager: tempManager({ fs }), syncs }
}

describe('claims', () => {
  it.each([
    [
      'complete()',
      (manager: TempFileManager, ticket: string) => manager.claim(ticket).then((c) => c.complete()),
    ],
    ['remove()', (manager: TempFileManager, ticket: string) => manager.claim(ticket).then((c) => c.remove())],
    [
      'removeSync()',
      (manager: TempFileManager, ticket: string) => manager.claim(ticket).then((c) => c.removeSync()),
    ],
    ['withClaim', (manager: TempFileManager, ticket: string) => manager.withClaim(ticket, () => {})],
    ['discard', (manager: TempFileManager, ticket: string) => manager.discard(ticket)],
  ])('a claim ends for good by %s', async (_, end) => {
    const manager = tempManager()
    const ticket = await handoff(manager)
    await end(manager, ticket)
    expect(published(manager.root)).toEqual([])
    expect(inSession(manager)).toEqual(EMPTY_SESSION)
    expect(manager.stats()).toMatchObject({ claims: 0, entries: 0 })
    await failure('ERR_TEMP_HANDOFF_GONE', () => manager.claim(ticket))
  })

  const releases: [string, (manager: TempFileManager, ticket: string) => Promise<unknown>][] = [
    ['release()', async (manager, ticket) => (await manager.claim(ticket)).release()],
    [
      'the end of an `await using` block, complete() forgotten',
      async (manager, ticket) => {
        await using claim = await manager.claim(ticket)
        void claim.path
      },
    ],
    [
      'the end of a `using` block',
      async (manager, ticket) => {
        using claim = await manager.claim(ticket)
        void claim.path
      },
    ],
    [
      'a throw in withClaim',
      (manager, ticket) =>
        manager
          .withClaim(ticket, () => {
            throw new Error('broken clip')
          })
          .catch((error: unknown) => expect(error).toMatchObject({ message: 'broken clip' })),
    ],
    [
      'a rejection in withClaim',
      (manager, ticket) =>
        expect(manager.withClaim(ticket, () => Promise.reject(new Error('later')))).rejects.toThrow('later'),
    ],
    [
      'release() within withClaim',
      (manager, ticket) => manager.withClaim(ticket, (claim) => claim.release()),
    ],
    [
      'a throw in a scope',
      async (manager, ticket) => {
        const work = async (): Promise<void> => {
          await using scope = manager.scope()
          await scope.claim(ticket)
          scope.file()
          throw new Error('in the scope')
        }
        await expect(work()).rejects.toThrow('in the scope')
      },
    ],
  ]
  it.each(releases)(
    'a claim is given back by %s, with its data, its meta and its count',
    async (_, release) => {
      const manager = tempManager()
      const ticket = await handoff(manager)
      await release(manager, ticket)
      expect(published(manager.root)).toEqual([ticket])
      expect(inSession(manager)).toEqual(EMPTY_SESSION)
      expect(manager.stats()).toMatchObject({ claims: 0, entries: 0, cleanupErrors: 0 })
      await release(manager, ticket)
      const claim = await manager.claim<{ job: number }>(ticket)
      expect([claim.attempt, claim.meta, readFileSync(claim.path, 'utf8')]).toEqual([3, { job: 1 }, 'text'])
    },
  )

  it('a claim is given back at close() and closeSync(), and the next claim continues the count', async () => {
    const baseDir = tempBase()
    const one = tempManager({ baseDir })
    const ticket = await handoff(one)
    await one.claim(ticket)
    await one.close()
    const two = tempManager({ baseDir })
    expect((await two.claim(ticket)).attempt).toBe(2)
    two.closeSync()
    expect((await tempManager({ baseDir }).claim(ticket)).attempt).toBe(3)
    expect(namesIn(one.root, 'sessions')).toHaveLength(1)
  })

  it('a claim may be completed twice, and at once', async () => {
    const manager = tempManager()
    const claim = await manager.claim(await handoff(manager))
    await Promise.all([claim.complete(), claim.complete(), claim.remove()])
    await claim.complete()
    claim.removeSync()
    await manager.close()
    await claim.complete()
    expect(claim.disposed).toBe(true)
  })

  it('a claim that was released cannot be completed any more: it may be another’s by now', async () => {
    const manager = tempManager()
    const ticket = await handoff(manager)
    const first = await manager.claim(ticket)
    await first.release()
    const second = await manager.claim(ticket)
    const error = await failure('ERR_TEMP_REMOVED', () => first.complete())
    expect(error.message).toContain('released before')
    await failure('ERR_TEMP_REMOVED', () => first.remove())
    await failure('ERR_TEMP_REMOVED', () => first.release())
    await first[Symbol.asyncDispose]()
    expect(existsSync(second.path)).toBe(true)
    await second.complete()
    await failure('ERR_TEMP_REMOVED', () => second.release())
  })

  it('complete() and withClaim() reject when close() gave their claim back', async () => {
    const baseDir = tempBase()
    const manager = tempManager({ baseDir })
    const ticket = await handoff(manager)
    const claim = await manager.claim(ticket)
    await manager.close()
    await failure('ERR_TEMP_CLOSED', () => claim.complete())
    const other = tempManager({ baseDir })
    await failure('ERR_TEMP_CLOSED', () => other.withClaim(ticket, () => other.close()))
    expect(published(manager.root)).toEqual([ticket])
  })

  it.each([
    ['no new session', () => {}],
    ['a new session', (manager: TempFileManager) => manager.file().path],
  ])('withClaim() rejects when removeAll() gave its claim back and its manager has %s', async (_, next) => {
    const manager = tempManager()
    const ticket = await handoff(manager)
    const working = manager.withClaim(ticket, async () => {
      await manager.removeAll()
      next(manager)
    })
    const refused = await failure('ERR_TEMP_REMOVED', () => working)
    expect(refused.message).toContain('removeAll()')
    expect(await manager.inspect(ticket)).toMatchObject({ state: 'available', attempts: 1 })
  })

  it('withClaim() resolves when `fn` released the claim and then closed the manager', async () => {
    const baseDir = tempBase()
    const manager = tempManager({ baseDir })
    const ticket = await handoff(manager)
    const work = manager.withClaim(ticket, async (claim) => {
      await claim.release()
      await manager.close()
      return 'done'
    })
    expect(await work).toBe('done')
  })

  it('a claim is completed by persist(), which moves its data out', async () => {
    const manager = tempManager()
    const ticket = await handoff(manager)
    const target = join(tempBase(), 'kept.txt')
    const claim = await manager.claim(ticket)
    expect(await claim.persist(target)).toBe(target)
    expect(readFileSync(target, 'utf8')).toBe('text')
    await claim.complete()
    expect(inSession(manager)).toEqual(EMPTY_SESSION)
    await failure('ERR_TEMP_HANDOFF_GONE', () => manager.claim(ticket))
  })

  it.skipIf(elsewhere === undefined)(
    'a claim is completed before its data is deleted when persist() copied it to another device',
    async () => {
      const baseDir = tempBase()
      const manager = tempManager({ baseDir })
      const dir = manager.dir()
      for (const name of ['a', 'b', 'c']) writeFileSync(dir.join(name), name)
      const ticket = await dir.handOff()
      const far = elsewhere?.() ?? ''
      expect(statSync(far).dev).not.toBe(statSync(baseDir).dev)
      let deleted = 0
      const worker = tempManager({
        baseDir,
        fs: steppingDisk((call, path) => {
          if (call !== 'unlink' || !slashed(path).includes('/data/')) return
          deleted++
          expect(path, 'nothing that could be given back is deleted in place').toContain('/.gone-')
        }),
      })
      const claim = await worker.claim(ticket)
      await claim.persist(join(far, 'kept'))
      expect(deleted).toBe(3)
      expect(Object.keys(digestsOf(join(far, 'kept')))).toEqual(['a', 'b', 'c'])
      expect(inSession(worker)).toEqual(EMPTY_SESSION)
    },
  )

  it('a claim is published again by handOff() under a new ticket, which completes the old one', async () => {
    const manager = tempManager()
    const ticket = await handoff(manager)
    const claim = await manager.claim(ticket)
    const next = await claim.handOff({ meta: 'second station' })
    expect(next).not.toBe(ticket)
    expect(published(manager.root)).toEqual([next])
    await failure('ERR_TEMP_HANDOFF_GONE', () => manager.claim(ticket))
    const again = await manager.claim(next)
    expect([again.attempt, again.meta, again.name]).toEqual([1, 'second station', 'a.txt'])
    const viaWith = await again.release().then(() => manager.withClaim(next, (held) => held.handOff()))
    expect(published(manager.root)).toEqual([viaWith])
  })

  it('a claim is a TempFile or a TempDir in all other respects', async () => {
    const manager = tempManager()
    const file = await manager.claim(await handoff(manager))
    if (file.kind !== 'file') throw new Error('it was a file')
    expect(await file.size()).toBe(4)
    expect(await (await file.blob()).text()).toBe('text')
    const stream = file.createReadStream()
    await file.release()
    expect(stream.destroyed).toBe(true)
    const made = manager.dir()
    mkdirSync(made.join('sub'))
    const dir = await manager.claim(await made.handOff())
    if (dir.kind !== 'dir') throw new Error('it was a directory')
    expect(existsSync(dir.join('sub'))).toBe(true)
    expect(JSON.stringify(dir)).not.toContain(manager.root)
  })

  it('a claim kept until close outlives its scope, and is given back at close', async () => {
    const manager = tempManager()
    const ticket = await handoff(manager)
    {
      await using scope = manager.scope()
      const claim = await scope.claim(ticket)
      claim.keepUntilClose()
    }
    await failure('ERR_TEMP_HANDOFF_CLAIMED', () => manager.claim(ticket))
    await manager.close()
    expect(published(manager.root)).toEqual([ticket])
  })

  it('with preserve, completing a claim keeps its data, and releasing a claim gives it back', async () => {
    const baseDir = tempBase()
    const publisher = tempManager({ baseDir })
    const [done, undone] = [await handoff(publisher), await handoff(publisher)]
    const manager = tempManager({ baseDir, preserve: true })
    await manager.withClaim(done, () => {})
    {
      await using claim = await manager.claim(undone)
      void claim
    }
    expect(published(manager.root)).toEqual([undone])
    await manager.close()
    expect(published(manager.root)).toEqual([undone])
    await failure('ERR_TEMP_HANDOFF_GONE', () => publisher.claim(done))
    const kept = Object.keys(digestsOf(join(manager.root, 'kept')))
    expect(kept.some((path) => path.endsWith(join('data', 'a.txt')))).toBe(true)
  })

  it('a claim whose completion fails before the commit is still held, and can be completed again', async () => {
    let broken = true
    const manager = tempManager({
      fs: steppingDisk((call, path) => {
        if (broken && call === 'rename' && slashed(path).includes('/.gone-')) throw systemError('EIO')
      }),
    })
    const ticket = await handoff(manager)
    const claim = await manager.claim(ticket)
    const error = await failure('ERR_TEMP_IO', () => claim.complete())
    expect(error.message).toContain('complete the handoff')
    expect([claim.disposed, existsSync(claim.path), manager.stats().claims]).toEqual([false, true, 1])
    await failure('ERR_TEMP_IO', () =>
      manager.withClaim(ticket, () => {}).catch(() => manager.claim(ticket).catch(() => claim.complete())),
    )
    broken = false
    await claim.complete()
    await failure('ERR_TEMP_HANDOFF_GONE', () => manager.claim(ticket))
  })

  it('a claim that cannot be given back at its end is still held, and is given back by a later sweep', async () => {
    let full = false
    const seenErrors: TempFileError[] = []
    const manager = tempManager({
      fs: steppingDisk((call, path) => {
        if (full && call === 'rename' && slashed(path).includes('/handoffs/')) throw systemError('ENOSPC')
      }),
      onCleanupError: (error) => void seenErrors.push(error),
    })
    const [one, other] = [await handoff(manager), await handoff(manager)]
    full = true
    await manager.withClaim(one, () => Promise.reject(new Error('mine'))).catch(() => {})
    await (await manager.claim(other))[Symbol.asyncDispose]()
    expect(seenErrors.map(({ code }) => code)).toEqual(['ERR_TEMP_NO_SPACE', 'ERR_TEMP_NO_SPACE'])
    await manager.sweep()
    expect(published(manager.root)).toEqual([])
    expect(manager.stats().claims).toBe(2)
    full = false
    await manager.sweep()
    expect(published(manager.root).sort()).toEqual([one, other].sort())
    expect([seenErrors.length, manager.stats().claims]).toEqual([2, 0])
    expect(await manager.withClaim(one, (claim) => claim.attempt)).toBe(2)
  })

  it('a claim whose completion cannot be synced rejects, is not published, and can be completed again', async () => {
    const { manager, syncs } = countingSyncs()
    const ticket = await handoff(manager)
    const claim = await manager.claim(ticket)
    syncs.broken = true
    await failure('ERR_TEMP_IO', () => claim.complete())
    expect(published(manager.root)).toEqual([])
    Object.assign(syncs, { broken: false, count: 0 })
    await claim.complete()
    expect(syncs.count, 'the sync is made up for').toBe(1)
    expect(inSession(manager)).toEqual(EMPTY_SESSION)
  })

  it('a claim whose completion could not be synced is not done at the end of its scope but by complete()', async () => {
    const { manager, syncs } = countingSyncs()
    const claim = await manager.claim(await handoff(manager))
    syncs.broken = true
    await failure('ERR_TEMP_IO', () => claim.complete())
    await claim[Symbol.asyncDispose]()
    await failure('ERR_TEMP_IO', () => claim.complete())
    Object.assign(syncs, { broken: false, count: 0 })
    await claim.complete()
    await claim.complete()
    expect(syncs.count, 'once').toBe(1)
    expect(manager.stats()).toMatchObject({ claims: 0, entries: 0, cleanupErrors: 0 })
  })

  it.each(['complete', 'remove', 'removeSync'] as const)(
    '%s() does not end a claim that another claimant has by now, and fails with ERR_TEMP_HANDOFF_GONE',
    async (way) => {
      const manager = tempManager()
      const other = tempManager({ baseDir: join(manager.root, '..') })
      const ticket = await handoff(other)
      const claim = await manager.claim(ticket)
      loseClaim(manager, ticket)
      const taken = await other.claim(ticket)
      await failure('ERR_TEMP_HANDOFF_GONE', async () => claim[way]())
      expect(claim.signal.reason).toMatchObject({ code: 'ERR_TEMP_HANDOFF_GONE' })
      await claim[Symbol.asyncDispose]()
      expect([taken.attempt, existsSync(taken.path), manager.stats().entries]).toEqual([2, true, 0])
    },
  )

  it('withClaim() rejects when its claim was lost', async () => {
    const manager = tempManager()
    const ticket = await handoff(manager)
    const work = manager.withClaim(ticket, () => loseClaim(manager, ticket))
    await failure('ERR_TEMP_HANDOFF_GONE', () => work)
    expect(published(manager.root)).toEqual([ticket])
  })

  it('a claim counts towards limits.liveEntries, but a manager that is full can discard and retry', async () => {
    const manager = tempManager({ limits: { liveEntries: 1 } })
    const [one, two] = [await handoff(manager), await handoff(manager)]
    const held = manager.file()
    await failure('ERR_TEMP_QUOTA', () => manager.claim(one))
    await manager.retry(one)
    await manager.discard(one)
    expect(published(manager.root)).toEqual([two])
    expect(manager.stats()).toMatchObject({ claims: 0, entries: 1 })
    held.removeSync()
    await manager.withClaim(two, () => {})
  })

  it('a claim of discard() that cannot be completed is given back, at the latest by the next sweep', async () => {
    let broken = false
    const manager = tempManager({
      fs: steppingDisk((call, path) => {
        if (broken && call === 'rename' && /\/\.gone-|\/handoffs\//.test(slashed(path)))
          throw systemError('EIO')
      }),
    })
    const ticket = await handoff(manager)
    broken = true
    await failure('ERR_TEMP_IO', () => manager.discard(ticket))
    broken = false
    await manager.sweep()
    expect(published(manager.root)).toEqual([ticket])
    expect(manager.stats()).toMatchObject({ claims: 0, entries: 0 })
  })

  it('a late complete() of a released claim does not end the next claim of its manager', async () => {
    const manager = tempManager()
    const ticket = await handoff(manager)
    const first = await manager.claim(ticket)
    if (first.kind === 'file') await once(first.createReadStream(), 'open')
    const late = first.complete()
    first[Symbol.dispose]()
    const second = manager.claim(ticket)
    await failure('ERR_TEMP_REMOVED', () => late)
    expect(existsSync((await second).path)).toBe(true)
  })

  it('complete() that closeSync() interrupts rejects with ERR_TEMP_CLOSED, and the claim is given back', async () => {
    const manager = tempManager()
    const dir = manager.dir()
    const ticket = await dir.handOff()
    const completion = (await manager.claim(ticket)).complete()
    manager.closeSync()
    await failure('ERR_TEMP_CLOSED', () => completion)
    expect(published(manager.root)).toEqual([ticket])
  })

  it('complete() resolves when its commit came before closeSync()', async () => {
    let closing: (() => void) | undefined
    const disk: FileSystem = steppingDisk(() => {})
    const manager: TempFileManager = tempManager({
      fs: {
        ...disk,
        open: (...given: Parameters<FileSystem['open']>) => {
          closing?.() // of the directory that the completion is synced with
          disk.open(...given)
        },
      },
    })
    const ticket = await handoff(manager)
    const claim = await manager.claim(ticket)
    closing = () => manager.closeSync()
    await claim.complete()
    expect(published(manager.root)).toEqual([])
  })

  it('complete() in a session that was condemned by mistake rejects with ERR_TEMP_SESSION_LOST', async () => {
    const manager = tempManager({ onCleanupError: () => {} })
    const other = tempManager({ baseDir: join(manager.root, '..') })
    const ticket = await handoff(other)
    const claim = await manager.claim(ticket)
    const session = manager.sessionPath ?? ''
    renameSync(session, tombstoneOf(session, 'gone'))
    const taken = await other.claim(ticket)
    await failure('ERR_TEMP_SESSION_LOST', () => claim.complete())
    expect(existsSync(taken.path)).toBe(true)
    await other.sweep()
  })

  it.each(['complete', 'release'] as const)(
    '%s() of a claim works while its session has the name of a tombstone',
    async (way) => {
      const manager = tempManager()
      const ticket = await handoff(manager)
      const claim = await manager.claim(ticket)
      const session = manager.sessionPath ?? ''
      renameSync(session, tombstoneOf(session, 'dead'))
      await claim[way]()
      expect(published(manager.root)).toEqual(way === 'complete' ? [] : [ticket])
      expect(namesIn(session, 'claims')).toEqual([])
    },
  )
})
