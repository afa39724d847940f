import { renameSync, unlinkSync } from 'node:fs'
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

test('bytes of no declared length count as they arrive: those beyond limits.totalBytes are refused, and those before are kept', async () => {
  const manager = tempManager({ limits: { totalBytes: 1000 } })
  await using other = await manager.createUpload({ length: 300 })
  await using upload = await manager.createUpload()
  const pieces = Array.from({ length: 10 }, () => 'x'.repeat(100))
  await expect(upload.append(pieces)).rejects.toMatchObject({ code: 'ERR_TEMP_QUOTA', status: 507 })
  expect([upload.offset, other.length]).toEqual([700, 300])
})

test('an append or a length beyond the limit is ERR_TEMP_QUOTA also while another upload is being created', async () => {
  const manager = tempManager({ limits: { totalBytes: 1000 } })
  await using created = await manager.createUpload({ length: 700 })
  unlinkSync(join(manager.sessionPath ?? '', 'claims', created.id, 'at-0')) // as before it was admitted
  await using upload = await manager.createUpload()
  const quota = { code: 'ERR_TEMP_QUOTA' }
  await expect(upload.append('x', { expectedBytes: 400 })).rejects.toMatchObject(quota)
  await expect(upload.declareLength(400)).rejects.toMatchObject(quota)
})

test('an upload whose process was killed after it had published the file reserves nothing', async () => {
  const manager = tempManager({ limits: { totalBytes: 1000 } })
  const upload = await manager.createUpload({ length: 700 })
  await upload.append('x'.repeat(700))
  await upload.finish()
  await upload.release()
  const directory = join(manager.root, 'uploads', upload.id)
  renameSync(join(directory, 'done-700'), join(directory, 'at-700')) // as before the last step of finish()
  await (await manager.createUpload({ length: 400 })).release()
})
