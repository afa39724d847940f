import { createHash } from 'node:crypto'
import type { FileHandle } from 'node:fs/promises'
import { expect, test } from 'vitest'
import type { FileRules } from '../../src/index.ts'
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
  const upload = await manager.createUpload({
    expectedDigest: { algorithm: 'sha256', value: '00'.repeat(32) },
  })
  await upload.append('bytes')
  await expect(upload.finish()).rejects.toMatchObject({ code: 'ERR_TEMP_TRUNCATED' })
  expect([await manager.uploads(), await manager.handoffs()]).toEqual([[], []])
})

test('of several digests of the whole file each must be right', async () => {
  const manager = tempManager()
  const of = (algorithm: string, text: string) => ({
    algorithm,
    value: createHash(algorithm).update(text).digest('hex'),
  })
  const right = await manager.createUpload({ expectedDigest: [of('sha256', 'bytes'), of('sha512', 'bytes')] })
  await right.append('bytes')
  expect((await right.finish()).bytes).toBe(5)
  const wrong = await manager.createUpload({ expectedDigest: [of('sha256', 'bytes'), of('sha512', 'other')] })
  await wrong.append('bytes')
  await expect(wrong.finish()).rejects.toMatchObject({
    code: 'ERR_TEMP_TRUNCATED',
    details: { algorithm: 'sha512' },
  })
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

async function finishedWith(validate: FileRules['validate'], manager = tempManager()): Promise<void> {
  await using upload = await manager.createUpload({ durable: false })
  await upload.append('hello')
  await upload.finish({ accept: { validate } })
}

test('validate sees one live entry, which is gone after it, also where it removes it', async () => {
  const manager = tempManager({ limits: { liveEntries: 1 } })
  const seen: number[] = []
  await finishedWith(() => void seen.push(manager.stats().entries), manager)
  await expect(finishedWith((file) => file.remove(), manager)).rejects.toThrow()
  expect([seen, manager.stats().entries]).toEqual([[1], 0])
})

test('streams that validate left open are closed', async () => {
  let opened: FileHandle | undefined
  await finishedWith(async (file) => {
    opened = await file.open('r')
  })
  expect(opened?.fd).toBe(-1)
})

test('validate beyond the limit of live entries is ERR_TEMP_QUOTA, and the upload stays', async () => {
  const manager = tempManager({ limits: { liveEntries: 1 } })
  using _file = manager.file()
  await expect(finishedWith(() => {}, manager)).rejects.toMatchObject({ code: 'ERR_TEMP_QUOTA' })
  expect((await manager.uploads()).map(({ state }) => state)).toEqual(['waiting'])
})
