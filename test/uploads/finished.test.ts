import { readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { readResult } from '../../src/uploads/finished.ts'
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
