import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { tempManager } from '../fixtures/temp-base.ts'

test('uploads are listed with their state, their bytes and who writes to them', async () => {
  const manager = tempManager()
  const waiting = await manager.createUpload({ length: 9, originalName: 'w.txt', meta: { n: 1 } })
  await waiting.append('12345')
  await waiting.release()
  const held = await manager.createUpload()
  const done = await manager.createUpload()
  await done.append('abc')
  const { ticket } = await done.finish()
  await done.release()
  const spoilt = await manager.createUpload()
  await spoilt.release()
  writeFileSync(join(manager.root, 'uploads', spoilt.id, 'upload.json'), '{}')

  const listed = new Map((await manager.uploads()).map((upload) => [upload.id, upload]))
  expect(listed.get(waiting.id)).toMatchObject({
    state: 'waiting',
    bytes: 5,
    length: 9,
    originalName: 'w.txt',
    meta: { n: 1 },
    writer: undefined,
  })
  expect(listed.get(held.id)).toMatchObject({
    state: 'receiving',
    bytes: 0,
    length: undefined,
    expiresInMs: undefined,
    writer: { pid: process.pid },
  })
  expect(listed.get(done.id)).toMatchObject({ state: 'finished', bytes: 0, length: 3, ticket })
  expect(listed.get(spoilt.id)).toMatchObject({ state: 'corrupt', problem: expect.stringMatching(/./) })
  await held.discard()
})
