// Handoffs on a disk that is full to the last byte. Guarantee: workers drain it, for all they do is rename. Most
// renames need no space. Where one does (xfs for a directory that outgrows its inode, btrfs for each) it is refused
// and nothing is lost: it is done as soon as there is room.

import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import type { TempDir, TempFile, TempFileManager } from '../../src/index.ts'
import { failure } from '../fixtures/failures.ts'
import { fillUp } from '../fixtures/fill-up.ts'
import { published } from '../fixtures/handoff-root.ts'
import { canMount, type Disk, has, smallDisk } from '../fixtures/mounts.ts'
import { tempBase, tempManager } from '../fixtures/temp-base.ts'

const SIZE = 300_000

interface Premises {
  readonly publisher: TempFileManager
  readonly worker: TempFileManager
  readonly tickets: readonly string[]
  /** A file that waits to be written. */
  readonly waiting: TempFile
  /** For what is to fill the disk. */
  readonly ballast: TempDir
}

/** Six handoffs and a worker with a session, on a disk that is not full yet. */
async function premises(kind: Disk): Promise<Premises> {
  const baseDir = smallDisk(kind)
  const publisher = tempManager({ baseDir })
  const worker = tempManager({ baseDir, onCleanupError: () => {} })
  worker.file()
  const tickets: string[] = []
  for (let at = 0; at < 6; at++) tickets.push(await (await publisher.receive('x'.repeat(SIZE))).handOff())
  return { publisher, worker, tickets, waiting: publisher.file(), ballast: publisher.dir() }
}

/** Attempts fail for want of room, one is kept elsewhere, the rest is done; then there is room for what was refused. */
async function drain(worker: TempFileManager, tickets: readonly string[]): Promise<void> {
  const [thrown = '', forgotten = '', persisted = '', ...others] = tickets
  await worker.withClaim(thrown, () => Promise.reject(new Error('no room'))).catch(() => {})
  await (await worker.claim(forgotten))[Symbol.asyncDispose]()
  const target = join(tempBase(), 'kept')
  await (await worker.claim(persisted)).persist(target)
  expect(readFileSync(target, 'utf8')).toHaveLength(SIZE)
  const complete = (ticket: string): Promise<number> =>
    worker.withClaim(ticket, (held) => {
      expect(readFileSync(held.path, 'utf8')).toHaveLength(SIZE)
      return held.attempt
    })
  for (const ticket of others) expect(await complete(ticket)).toBe(1)
  await worker.sweep()
  for (const ticket of [thrown, forgotten]) expect(await complete(ticket)).toBe(2)
  expect(published(worker.root)).toEqual([])
}

describe.runIf(canMount)('a disk full of handoffs (needs root)', () => {
  for (const disk of ['tmpfs', 'ext4', 'xfs'] as const) {
    test.runIf(disk === 'tmpfs' || has(`mkfs.${disk}`))(
      `a worker drains a ${disk} full of handoffs`,
      async () => {
        const { publisher, worker, tickets, waiting, ballast } = await premises(disk)
        expect(fillUp(ballast.path)).toBe('ENOSPC')
        const refused = await failure('ERR_TEMP_NO_SPACE', () => waiting.write('x'.repeat(10_000)))
        expect(refused.status).toBe(507)
        await failure('ERR_TEMP_NO_SPACE', () => waiting.handOff({ meta: 'needs a record' }))
        expect(waiting.disposed).toBe(false)
        await publisher.sweep() // takes nothing, and throws nothing
        expect(published(worker.root)).toHaveLength(tickets.length)
        await drain(worker, tickets)
        // There is room again.
        expect((await waiting.write('x'.repeat(10_000))).bytes).toBe(10_000)
        expect((await worker.claim(await waiting.handOff())).attempt).toBe(1)
      },
    )
  }

  describe.runIf(has('mkfs.btrfs'))('btrfs', () => {
    test('a claim on a full btrfs is refused, and the handoff waits until there is room', async () => {
      const { publisher, worker, tickets, ballast } = await premises('btrfs')
      expect(fillUp(ballast.path)).toBe('ENOSPC')
      for (const ticket of tickets) await failure('ERR_TEMP_NO_SPACE', () => worker.claim(ticket))
      await publisher.sweep()
      expect(published(worker.root).sort()).toEqual([...tickets].sort())
      await ballast.remove()
      await drain(worker, tickets)
    })

    test('a claim made before btrfs is full holds its handoff until it can be completed or given back', async () => {
      const { worker, tickets, ballast } = await premises('btrfs')
      const [completed = '', released = '', forgotten = ''] = tickets
      const [done, returned, lost] = await Promise.all(
        [completed, released, forgotten].map((ticket) => worker.claim(ticket)),
      )
      expect(fillUp(ballast.path)).toBe('ENOSPC')
      await failure('ERR_TEMP_NO_SPACE', async () => done?.complete())
      await failure('ERR_TEMP_NO_SPACE', async () => returned?.release())
      await lost?.[Symbol.asyncDispose]()
      for (const claim of [done, returned, lost])
        expect(readFileSync(claim?.path ?? '', 'utf8')).toHaveLength(SIZE)
      await ballast.remove()
      await done?.complete()
      await returned?.release()
      await worker.sweep()
      expect(published(worker.root).sort()).toEqual(tickets.filter((ticket) => ticket !== completed).sort())
    })
  })
})
