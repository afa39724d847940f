import { lstatSync, readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import type { FileSystem, TempFileManager } from '../../src/index.ts'
import { slashed } from '../fixtures/slashed.ts'
import { steppingDisk } from '../fixtures/stepping-disk.ts'
import { tempManager } from '../fixtures/temp-base.ts'

const HOUR = 3_600_000

/** A volume whose clock is `ahead` ms after each file's time; uploads show another boot, unless `sameBoot`. */
function volume(state: { ahead: number; sameBoot?: boolean }): FileSystem {
  return Object.assign(
    steppingDisk(() => {}),
    {
      lstatSync(path: string, options?: object) {
        if (options !== undefined && 'bigint' in options) return lstatSync(path, { bigint: true })
        const stats = lstatSync(path, options)
        if (stats === undefined) return undefined
        if (slashed(path).includes('/.new-')) stats.ctimeMs += state.ahead
        if (/\/(?:at-\d|done-)/.test(slashed(path)) && state.sameBoot !== true) stats.atimeMs = 0
        return stats
      },
    },
  )
}

async function waiting(
  manager: TempFileManager,
  options: { ttl?: string; maxAge?: string | number },
): Promise<string> {
  await using upload = await manager.createUpload(options)
  await upload.append('bytes')
  return upload.id
}

test('an upload is removed when no byte came within its time to live, and not before', async () => {
  const state = { ahead: 0 }
  const manager = tempManager({ fs: volume(state) })
  const [late, young] = [await waiting(manager, { ttl: '1h' }), await waiting(manager, { ttl: '3h' })]
  state.ahead = 2 * HOUR
  expect((await manager.sweep()).uploadsExpired).toEqual([late])
  expect((await manager.uploads()).map((upload) => upload.id)).toEqual([young])
})

test('nothing of an expired upload is left, finished or not, and its ticket outlives it', async () => {
  const state = { ahead: 0 }
  const manager = tempManager({ fs: volume(state) })
  await waiting(manager, { ttl: '1h' })
  const upload = await manager.createUpload({ ttl: '1h' })
  const { ticket } = await upload.finish()
  await upload.release()
  state.ahead = 2 * HOUR
  await manager.sweep()
  expect(readdirSync(join(manager.root, 'uploads'))).toEqual([])
  expect(readdirSync(join(manager.root, 'sessions'))).toHaveLength(1) // the manager's own
  expect((await manager.handoffs()).map((handoff) => handoff.ticket)).toEqual([ticket])
})

test('an upload is removed after its greatest age, also before its time to live is over', async () => {
  const manager = tempManager()
  const id = await waiting(manager, { ttl: '9h', maxAge: 1 })
  await expect.poll(async () => (await manager.uploads())[0]?.expiresInMs).toBeLessThan(0)
  expect((await manager.sweep()).uploadsExpired).toEqual([id])
})

test('within one boot the boot clock counts: a wall clock that jumps ahead expires nothing', async () => {
  const state = { ahead: 0, sameBoot: true }
  const manager = tempManager({ fs: volume(state) })
  await waiting(manager, { ttl: '1h', maxAge: '1h' })
  state.ahead = 9 * HOUR
  expect((await manager.sweep()).uploadsExpired).toEqual([])
  expect((await manager.uploads())[0]?.expiresInMs).toBeGreaterThan(HOUR / 2)
})

test('opening an upload and giving it back without a byte does not lengthen its life', async () => {
  const manager = tempManager()
  const id = await waiting(manager, {})
  const stamp = (): number => statSync(join(manager.root, 'uploads', id, 'at-5')).mtimeMs
  const before = stamp()
  await using upload = await manager.openUpload(id)
  await upload.append('')
  await upload.release()
  expect(stamp()).toBe(before)
})
