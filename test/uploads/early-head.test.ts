import { expect, test } from 'vitest'
import { tempManager } from '../fixtures/temp-base.ts'

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
