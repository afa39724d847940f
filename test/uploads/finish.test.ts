import { expect, test } from 'vitest'
import { tempManager } from '../fixtures/temp-base.ts'

test('a short file of a refused type is refused at its end', async () => {
  const manager = tempManager()
  const accept = { types: ['image/png'] }
  const upload = await manager.createUpload({ accept, originalName: 'a.png' })
  await upload.append('no picture', { accept })
  await expect(upload.finish({ accept })).rejects.toMatchObject({ code: 'ERR_TEMP_TYPE_REJECTED' })
  expect([await manager.uploads(), await manager.handoffs()]).toEqual([[], []])
})

test('a digest of the whole file that differs deletes the upload', async () => {
  const manager = tempManager()
  const upload = await manager.createUpload({ expectedDigest: { algorithm: 'sha256', value: '00' } })
  await upload.append('bytes')
  await expect(upload.finish()).rejects.toMatchObject({ code: 'ERR_TEMP_TRUNCATED' })
  expect([await manager.uploads(), await manager.handoffs()]).toEqual([[], []])
})

test('finishing twice gives the same ticket', async () => {
  const manager = tempManager()
  const upload = await manager.createUpload()
  await upload.append('once')
  const { ticket } = await upload.finish()
  expect((await upload.finish()).ticket).toBe(ticket)
  await upload.release()
  await using again = await manager.openUpload(upload.id)
  expect(again.finished?.ticket).toBe(ticket)
  expect((await manager.handoffs()).map((handoff) => handoff.ticket)).toEqual([ticket])
})

test('an empty upload can be finished', async () => {
  const manager = tempManager()
  await using upload = await manager.createUpload({ length: 0 })
  expect((await upload.finish()).bytes).toBe(0)
})

test('an upload that misses bytes cannot be finished, and stays', async () => {
  const manager = tempManager()
  await using upload = await manager.createUpload({ length: 9 })
  await upload.append('1234')
  await expect(upload.finish()).rejects.toMatchObject({
    code: 'ERR_TEMP_TRUNCATED',
    details: { bytes: 4, expected: 9 },
  })
  expect(upload.offset).toBe(4)
})

test('an upload without a durable promise ends in the same way', async () => {
  const manager = tempManager()
  await using upload = await manager.createUpload({ durable: false, length: 3 })
  await upload.append('abc', { last: true })
  expect((await upload.finish()).bytes).toBe(3)
})
