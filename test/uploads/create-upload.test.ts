import { expect, test } from 'vitest'
import { tempManager } from '../fixtures/temp-base.ts'

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
