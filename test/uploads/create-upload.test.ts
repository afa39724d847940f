import { expect, test } from 'vitest'
import { failure } from '../fixtures/failures.ts'
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

test.each(['originalName', 'type'])('%s may be long, and a longer one is refused', async (option) => {
  const manager = tempManager()
  const longest = 'n'.repeat(16 * 1024 - 2)
  await using upload = await manager.createUpload({ originalName: longest, type: longest, durable: false })
  const { ticket } = await upload.finish()
  expect((await manager.inspect(ticket)).meta).toMatchObject({ [option]: longest })
  const error = await failure('ERR_TEMP_OPTION_INVALID', () =>
    manager.createUpload({ [option]: `${longest}n` }),
  )
  expect(error.details.option).toBe(option)
})

test('options whose record could not be read back are refused, and nothing is left', async () => {
  const manager = tempManager()
  const expectedDigest = Array(6000).fill({ algorithm: 'sha256', value: 'ab'.repeat(32) })
  await failure('ERR_TEMP_OPTION_INVALID', () => manager.createUpload({ expectedDigest }))
  expect(await manager.uploads()).toEqual([])
})
