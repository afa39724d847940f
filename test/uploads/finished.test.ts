import { readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { readResult } from '../../src/uploads/finished.ts'
import type { AnsweredUpload } from '../../src/uploads/upload-types.ts'
import { tempManager } from '../fixtures/temp-base.ts'

test('a draft of done.json that a killed process left is removed when the upload is opened again', async () => {
  const manager = tempManager()
  const upload = await manager.createUpload()
  await upload.release()
  const directory = join(manager.root, 'uploads', upload.id)
  writeFileSync(join(directory, '.done-0123456789abc'), '{"ticket"')
  await (await manager.openUpload(upload.id)).release()
  expect(readdirSync(directory).sort()).toEqual(['at-0', 'data', 'upload.json'])
})

test.each(['', '{', '[]', '{"ticket":7,"bytes":1}', '{"ticket":"t"}'])(
  'done.json with %j is not a result',
  async (text) => {
    const manager = tempManager()
    const upload = await manager.createUpload()
    await upload.release()
    const directory = join(manager.root, 'uploads', upload.id)
    writeFileSync(join(directory, 'done.json'), text)
    const { default: fs } = await import('node:fs')
    expect(readResult({ fs: { ...fs, native: true } }, directory)).toBeUndefined()
  },
)

test('an answer is kept with a finished upload for whoever opens it next', async () => {
  const manager = tempManager()
  const upload = (await manager.createUpload({ length: 0 })) as AnsweredUpload
  await upload.finish()
  expect(upload.answer).toBeUndefined()
  await upload.keepAnswer({ headers: { 'X-Ticket': 'first' } })
  await upload.keepAnswer({ headers: { 'X-Ticket': 'second' } })
  await upload.release()
  await using again = (await manager.openUpload(upload.id)) as AnsweredUpload
  expect(again.answer).toEqual({ headers: { 'X-Ticket': 'second' } })
  expect(readdirSync(join(manager.root, 'sessions'), { recursive: true }).map(String)).not.toContainEqual(
    expect.stringContaining('.done-'),
  )
})

test('no answer is kept with an upload that is not finished', async () => {
  await using upload = (await tempManager().createUpload()) as AnsweredUpload
  await upload.keepAnswer({})
  expect(upload.answer).toBeUndefined()
})
