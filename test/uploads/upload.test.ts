import { createHash, randomBytes } from 'node:crypto'
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { expect, test } from 'vitest'
import { tempManager } from '../fixtures/temp-base.ts'

const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex')

/** A stream that gives some bytes and then breaks, as a dropped connection does. */
function breaking(bytes: Uint8Array): Readable {
  return Readable.from(
    (async function* () {
      yield bytes
      throw Object.assign(new Error('reset'), { code: 'ECONNRESET' })
    })(),
  )
}

test('an upload in several appends becomes one handoff with all of its bytes', async () => {
  const manager = tempManager()
  const bytes = randomBytes(3_000_000)
  const upload = await manager.createUpload({
    length: bytes.length,
    originalName: 'film.mkv',
    hash: 'sha256',
  })
  expect(await upload.append(bytes.subarray(0, 1_000_000))).toBe(1_000_000)
  expect(await upload.append(Readable.from([bytes.subarray(1_000_000)]))).toBe(3_000_000)
  const finished = await upload.finish()
  expect(finished).toMatchObject({ bytes: 3_000_000, digest: sha256(bytes), originalName: 'film.mkv' })
  await upload.release()
  await using claim = await manager.claim(finished.ticket)
  expect(sha256(readFileSync(claim.path))).toBe(sha256(bytes))
  expect(claim.name).toMatch(/\.mkv$/)
  await claim.complete()
})

test('what came before the source broke off is kept, and the upload continues behind it', async () => {
  const manager = tempManager()
  const bytes = randomBytes(200_000)
  const upload = await manager.createUpload({ length: bytes.length, hash: 'sha256' })
  await expect(upload.append(breaking(bytes.subarray(0, 70_000)))).rejects.toMatchObject({
    code: 'ERR_TEMP_ABORTED',
  })
  expect(upload.offset).toBe(70_000)
  await upload.release()
  expect(await manager.uploads()).toMatchObject([{ state: 'waiting', bytes: 70_000, length: 200_000 }])
  await using again = await manager.openUpload(upload.id)
  expect(again.offset).toBe(70_000)
  await again.append(bytes.subarray(70_000))
  expect((await again.finish()).digest).toBe(sha256(bytes))
})

test('a released upload is in uploads/ under its id, with its offset in the name of its state file', async () => {
  const manager = tempManager()
  const upload = await manager.createUpload()
  await upload.append('12345')
  expect(existsSync(join(manager.root, 'uploads', upload.id))).toBe(false)
  await upload.release()
  expect(readdirSync(join(manager.root, 'uploads', upload.id)).sort()).toEqual([
    'at-5',
    'data',
    'upload.json',
  ])
})

test('a second process, or a second manager, cannot write to an upload that is held', async () => {
  const manager = tempManager()
  const upload = await manager.createUpload({ length: 5 })
  await expect(manager.openUpload(upload.id)).rejects.toMatchObject({
    code: 'ERR_TEMP_HANDOFF_CLAIMED',
    status: 409,
  })
  const other = tempManager({ baseDir: join(manager.root, '..') })
  await expect(other.openUpload(upload.id)).rejects.toMatchObject({ code: 'ERR_TEMP_HANDOFF_CLAIMED' })
})

test('a take-over ends the append of this process, keeps its bytes and continues behind them', async () => {
  const manager = tempManager()
  const upload = await manager.createUpload({ length: 10 })
  const stuck = new Readable({ read() {} })
  stuck.push('12345')
  const appending = upload.append(stuck).catch((error: unknown) => error)
  const released = appending.then(() => upload.release())
  await expect.poll(() => upload.offset).toBe(5)
  const again = await manager.openUpload(upload.id, { whenBusy: 'take-over' })
  expect(await appending).toMatchObject({ code: 'ERR_TEMP_HANDOFF_CLAIMED' })
  await released
  expect(again.offset).toBe(5)
  expect(await again.append('67890')).toBe(10)
  await again.release()
})

test('more bytes than the declared length delete the upload', async () => {
  const manager = tempManager()
  const upload = await manager.createUpload({ length: 4 })
  await expect(upload.append('12345')).rejects.toMatchObject({ code: 'ERR_TEMP_TOO_LARGE' })
  await expect(manager.openUpload(upload.id)).rejects.toMatchObject({ code: 'ERR_TEMP_HANDOFF_GONE' })
  expect(await manager.uploads()).toEqual([])
})

test('an upload whose first bytes arrive one by one is refused by its type as soon as there are 4 KB', async () => {
  const manager = tempManager()
  const accept = { types: ['image/png'] }
  const upload = await manager.createUpload({ accept, originalName: 'a.png' })
  await upload.append(Buffer.alloc(4000, 'x'), { accept })
  await expect(upload.append(Buffer.alloc(200, 'x'), { accept })).rejects.toMatchObject({
    code: 'ERR_TEMP_TYPE_REJECTED',
  })
  expect(await manager.uploads()).toEqual([])
})

test('a short file of a refused type is refused at its end', async () => {
  const manager = tempManager()
  const accept = { types: ['image/png'] }
  const upload = await manager.createUpload({ accept, originalName: 'a.png' })
  await upload.append('no picture', { accept })
  await expect(upload.finish({ accept })).rejects.toMatchObject({ code: 'ERR_TEMP_TYPE_REJECTED' })
  expect([await manager.uploads(), await manager.handoffs()]).toEqual([[], []])
})

test('a digest of one append that differs takes only that append back', async () => {
  const manager = tempManager()
  await using upload = await manager.createUpload({ hash: 'sha256' })
  await upload.append('good ')
  const digests = [{ algorithm: 'sha256', value: sha256(Buffer.from('right')) }]
  await expect(upload.append('wrong', { digests })).rejects.toMatchObject({ code: 'ERR_TEMP_TRUNCATED' })
  expect(upload.offset).toBe(5)
  await upload.append('right', { digests })
  expect((await upload.finish()).digest).toBe(sha256(Buffer.from('good right')))
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

test('bytes behind the recorded offset do not count when the boot has changed', async () => {
  const manager = tempManager()
  const upload = await manager.createUpload({ length: 20 })
  await upload.append('12345')
  await upload.release()
  const directory = join(manager.root, 'uploads', upload.id)
  const [data = ''] = readdirSync(join(directory, 'data'))
  writeFileSync(join(directory, 'data', data), '12345 and zeros')
  const { renameSync } = await import('node:fs')
  renameSync(join(directory, 'at-5'), join(directory, 'at-5-anotherboot'))
  await using again = await manager.openUpload(upload.id)
  expect(again.offset).toBe(5)
})

test('closing the manager gives a held upload back with its bytes', async () => {
  const manager = tempManager()
  const upload = await manager.createUpload({ length: 10 })
  const stuck = new Readable({ read() {} })
  stuck.push('12345')
  const appending = upload.append(stuck).catch((error: unknown) => error)
  await expect.poll(() => upload.offset).toBe(5)
  await manager.close()
  expect(await appending).toMatchObject({ code: 'ERR_TEMP_ABORTED' })
  const other = tempManager({ baseDir: join(manager.root, '..') })
  await using again = await other.openUpload(upload.id)
  expect(again.offset).toBe(5)
})

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

test('an id of the caller names the same upload again, and cannot be used twice', async () => {
  const manager = tempManager()
  const upload = await manager.createUpload({ id: 'user/42/film' })
  await upload.append('abc')
  await upload.release()
  await expect(manager.createUpload({ id: 'user/42/film' })).rejects.toMatchObject({
    code: 'ERR_TEMP_EXISTS',
  })
  await using again = await manager.openUpload('user/42/film')
  expect(again.offset).toBe(3)
})

test('an upload without a durable promise ends in the same way', async () => {
  const manager = tempManager()
  await using upload = await manager.createUpload({ durable: false, length: 3 })
  await upload.append('abc', { last: true })
  expect((await upload.finish()).bytes).toBe(3)
})

test('a source that breaks off while a chunk waits for the disk leaves its bytes in order', async () => {
  const manager = tempManager()
  const bytes = randomBytes(4_900_000)
  for (let round = 0; round < 10; round++) {
    const upload = await manager.createUpload({ durable: false, length: bytes.length })
    const source = new Readable({ read() {}, highWaterMark: 8_000_000 })
    for (let at = 0; at < bytes.length; at += 700_000) source.push(bytes.subarray(at, at + 700_000))
    const appending = upload.append(source).catch((error: unknown) => error)
    await expect.poll(() => upload.offset, { interval: 0 }).toBeGreaterThan(0)
    source.destroy(Object.assign(new Error('reset'), { code: 'ECONNRESET' }))
    await appending
    const received = Buffer.concat(await upload.read().toArray())
    expect(received.equals(bytes.subarray(0, upload.offset))).toBe(true)
    await upload.discard()
  }
})
