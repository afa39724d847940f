import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { failure } from '../fixtures/failures.ts'
import { canMount, fillUp, smallDisk } from '../fixtures/full-disk.ts'
import { published } from '../fixtures/handoff-root.ts'
import { tempBase, tempManager } from '../fixtures/temp-base.ts'

it.skipIf(!canMount)('a worker drains a full disk: claims, releases, completes, persists', async () => {
  const baseDir = smallDisk('4m')
  const publisher = tempManager({ baseDir })
  const worker = tempManager({ baseDir })
  worker.file()
  const tickets: string[] = []
  for (let at = 0; at < 6; at++) tickets.push(await (await publisher.receive('x'.repeat(300_000))).handOff())
  const waiting = publisher.file()
  fillUp(baseDir)
  expect(() => writeFileSync(waiting.path, 'one byte more')).toThrow('ENOSPC')
  const refused = await failure('ERR_TEMP_NO_SPACE', () => waiting.write('one byte more'))
  expect(refused.status).toBe(507)
  await failure('ERR_TEMP_NO_SPACE', () => waiting.handOff({ meta: 'needs a record' }))
  expect(waiting.removed).toBe(false)

  const [released = '', thrown = '', persisted = '', ...others] = tickets
  const claim = await worker.claim(released)
  await claim.release()
  await worker.withClaim(thrown, () => Promise.reject(new Error('no room'))).catch(() => {})
  expect(published(worker.root).sort()).toEqual([...tickets].sort())
  await publisher.sweep() // takes nothing, and throws nothing
  expect(published(worker.root)).toHaveLength(6)
  const target = join(tempBase(), 'kept')
  await (await worker.claim(persisted)).persist(target)
  expect(readFileSync(target, 'utf8')).toHaveLength(300_000)
  for (const ticket of [released, thrown, ...others]) {
    const attempt = await worker.withClaim(ticket, (held) => {
      expect(readFileSync(held.path, 'utf8')).toHaveLength(300_000)
      return held.attempt
    })
    expect(attempt).toBe(others.includes(ticket) ? 1 : 2)
  }
  expect(published(worker.root)).toEqual([])
  // There is room again.
  expect((await waiting.write('one byte more')).bytes).toBe(13)
  expect((await worker.claim(await waiting.handOff())).attempt).toBe(1)
})
