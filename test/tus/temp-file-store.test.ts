// The store against what @tus/utils asks of every data store of @tus/server (packages/utils/src/test/stores.ts of
// tus/tus-node-server at fdd8cc7, MIT), one test a case, rewritten for this store.

import { randomBytes } from 'node:crypto'
import { createReadStream, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { Upload } from '@tus/server'
import { describe, expect, test } from 'vitest'
import { TempFileStore, type TempFileStoreOptions } from '../../src/tus/index.ts'
import { failure } from '../fixtures/failures.ts'
import { tempBase, tempManager } from '../fixtures/temp-base.ts'

const SIZE = 300_000
const METADATA = { filename: 'world_domination_plan.pdf', is_confidential: null }

function store(options: TempFileStoreOptions = {}): TempFileStore {
  return new TempFileStore(tempManager(), options)
}

function upload(fields: Partial<ConstructorParameters<typeof Upload>[0]> = {}): Upload {
  return new Upload({ id: 'file', offset: 0, size: SIZE, metadata: METADATA, ...fields })
}

function content(): Readable {
  const path = join(tempBase(), 'content')
  writeFileSync(path, randomBytes(SIZE))
  return createReadStream(path, { highWaterMark: 100 * 1024 })
}

/** An upload whose length comes later. */
const deferred = (): Upload => new Upload({ id: 'deferred', offset: 0, metadata: METADATA })

describe('create', () => {
  test('create() resolves with the upload and the place where it is stored', async () => {
    const created = await store().create(upload())
    expect(created).toBeInstanceOf(Upload)
    expect(created.storage).toMatchObject({
      type: expect.stringMatching(/./),
      path: expect.stringMatching(/./),
    })
  })

  test('a new upload has the offset 0, its length and its metadata', async () => {
    const datastore = store()
    const file = await datastore.create(
      upload({ metadata: { filename: '世界_domination_plan.pdf', is_confidential: null } }),
    )
    const { offset, size, metadata } = await datastore.getUpload(file.id)
    expect({ offset, size, metadata }).toEqual({ offset: 0, size: SIZE, metadata: file.metadata })
  })

  test('a deferred length stays deferred', async () => {
    const datastore = store()
    await datastore.create(deferred())
    expect((await datastore.getUpload('deferred')).sizeIsDeferred).toBe(true)
  })
})

test('the extensions creation, expiration and termination are reported', () => {
  const datastore = store()
  for (const extension of ['creation', 'expiration', 'termination'])
    expect(datastore.hasExtension(extension)).toBe(true)
})

describe('write', () => {
  test('write() resolves with the new offset, which getUpload() reports', async () => {
    const datastore = store()
    await datastore.create(upload())
    expect(await datastore.write(content(), 'file', 0)).toBe(SIZE)
    expect((await datastore.getUpload('file')).offset).toBe(SIZE)
  })

  test('write() to an upload that does not exist rejects with 404', async () => {
    await expect(store().write(content(), 'doesnt_exist', 0)).rejects.toMatchObject({ status_code: 404 })
  })

  test('write() of a stream that is destroyed rejects, and keeps the bytes that came', async () => {
    const datastore = store()
    await datastore.create(upload())
    const broken = new Readable({ read() {} })
    broken.push('some data')
    broken.once('data', () => setImmediate(() => broken.destroy()))
    await expect(datastore.write(broken, 'file', 0)).rejects.toBeDefined()
    expect((await datastore.getUpload('file')).offset).toBeGreaterThan(0)
  })
})

describe('getUpload', () => {
  test('getUpload() of an upload that does not exist rejects with 404', async () => {
    await expect(store().getUpload('doesnt_exist')).rejects.toMatchObject({ status_code: 404 })
  })

  test('getUpload() finishes an upload whose process died after the last byte', async () => {
    const manager = tempManager()
    const last = await manager.createUpload({ id: 'file', length: 5 })
    await last.append('hello')
    await last.release()
    expect((await new TempFileStore(manager).getUpload('file')).offset).toBe(5)
    expect((await manager.handoffs()).map(({ bytes }) => bytes)).toEqual([5])
  })
})

describe('finished and ticketOf', () => {
  test('finished() and ticketOf() reject with ERR_TEMP_HANDOFF_GONE for a missing or unfinished upload', async () => {
    const datastore = store()
    await datastore.create(upload())
    for (const id of ['file', 'doesnt_exist']) {
      await failure('ERR_TEMP_HANDOFF_GONE', () => datastore.finished(id))
      await failure('ERR_TEMP_HANDOFF_GONE', () => datastore.ticketOf(id))
    }
  })

  test('finished() and ticketOf() resolve with the result of a finished upload', async () => {
    const datastore = store()
    await datastore.create(upload())
    await datastore.write(content(), 'file', 0)
    const { ticket, bytes } = await datastore.finished('file')
    expect([bytes, await datastore.ticketOf('file')]).toEqual([SIZE, ticket])
  })
})

describe('remove', () => {
  test('remove() of an upload that does not exist rejects with 404', async () => {
    await expect(store().remove('doesnt_exist')).rejects.toMatchObject({ status_code: 404 })
  })

  test('remove() deletes an upload', async () => {
    const datastore = store()
    await datastore.create(upload())
    await datastore.remove('file')
    await expect(datastore.getUpload('file')).rejects.toMatchObject({ status_code: 404 })
  })

  test('remove() deletes an upload that is being written', async () => {
    const datastore = store()
    await datastore.create(upload())
    const stuck = new Readable({ read() {} })
    stuck.push('some data')
    const writing = datastore.write(stuck, 'file', 0).catch((error: unknown) => error)
    await datastore.remove('file')
    expect(await writing).toBeDefined()
    await expect(datastore.getUpload('file')).rejects.toMatchObject({ status_code: 404 })
  })
})

test('deleteExpired removes what is overdue and returns how many', async () => {
  const datastore = store({ ttl: 1 })
  await datastore.create(upload())
  await datastore.write(content(), 'file', 0)
  await expect.poll(() => datastore.deleteExpired()).toBe(1)
})

test('an empty upload that cannot be finished now is given back, also without a locker', async () => {
  const manager = tempManager({ limits: { liveEntries: 1 } })
  const datastore = new TempFileStore(manager, { accept: { validate: () => {} } })
  const file = manager.file()
  await expect(datastore.create(upload({ size: 0 }))).rejects.toMatchObject({ status_code: 507 })
  expect((await manager.uploads()).map(({ state }) => state)).toEqual(['waiting'])
  file.removeSync()
  await using again = await manager.openUpload('file')
  expect(await again.finish()).toMatchObject({ bytes: 0 })
})

describe('declareUploadLength', () => {
  test('declareUploadLength() of an upload that does not exist rejects with 404', async () => {
    await expect(store().declareUploadLength('doesnt_exist', 10)).rejects.toMatchObject({ status_code: 404 })
  })

  test('declareUploadLength() declares the length of a deferred upload', async () => {
    const datastore = store()
    await datastore.create(deferred())
    await datastore.declareUploadLength('deferred', 10)
    expect(await datastore.getUpload('deferred')).toMatchObject({ size: 10, sizeIsDeferred: false })
  })

  test('declareUploadLength() beyond maxBytes rejects with 413', async () => {
    const datastore = store({ maxBytes: 10 })
    await datastore.create(deferred())
    await expect(datastore.declareUploadLength('deferred', 11)).rejects.toMatchObject({ status_code: 413 })
  })
})
