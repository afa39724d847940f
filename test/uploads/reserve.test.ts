import { join } from 'node:path'
import { expect, test } from 'vitest'
import { tempManager } from '../fixtures/temp-base.ts'

test('declared lengths are reserved over the whole root, also for another manager', async () => {
  const manager = tempManager({ limits: { totalBytes: 1000 } })
  const other = tempManager({ baseDir: join(manager.root, '..'), limits: { totalBytes: 1000 } })
  const upload = await manager.createUpload({ length: 700 })
  await expect(other.createUpload({ length: 400 })).rejects.toMatchObject({ code: 'ERR_TEMP_QUOTA' })
  await upload.discard()
  await (await other.createUpload({ length: 400 })).release()
})

test('of creations that together exceed the limit not more are admitted than fit', async () => {
  const manager = tempManager({ limits: { totalBytes: 1000 } })
  const managers = [manager, tempManager({ baseDir: join(manager.root, '..'), limits: { totalBytes: 1000 } })]
  const results = await Promise.allSettled(
    Array.from({ length: 8 }, (_, n) => managers[n % 2]?.createUpload({ length: 300 })),
  )
  const admitted = results.filter((result) => result.status === 'fulfilled')
  expect(admitted.length).toBeGreaterThan(0)
  expect(admitted.length).toBeLessThanOrEqual(3)
})
