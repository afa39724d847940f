import type { S3Client } from '@aws-sdk/client-s3'
import { expect, it } from 'vitest'
import { storeSettings } from '../../src/s3/s3-options.ts'
import { closingOf, Store } from '../../src/s3/store.ts'
import { failureSync } from '../fixtures/failures.ts'
import { answer } from '../fixtures/small-bucket.ts'
import { tempManager } from '../fixtures/temp-base.ts'

/** Answers every request with status 500. */
const failing = { send: () => Promise.reject(answer(500)) } as unknown as S3Client // the one method that is used

it('openManager() throws, and closingOf() aborts, when the manager for claimed files is closed', async () => {
  const manager = tempManager()
  const store = new Store(storeSettings({ client: failing, bucket: 'b', manager }))
  expect(store.openManager()).toBe(manager)
  const closing = closingOf(manager)
  expect(closing?.aborted).toBe(false)
  await manager.close()
  expect(closing?.reason).toMatchObject({ code: 'ERR_TEMP_CLOSED' })
  failureSync('ERR_TEMP_CLOSED', () => store.openManager())
})

it('deleteData() asks once, and resolves although the data cannot be deleted', async () => {
  let requests = 0
  const send = (): Promise<never> => {
    requests += 1
    return Promise.reject(answer(500))
  }
  const client = { middlewareStack: {}, send } as unknown as S3Client // the members that are used
  const store = new Store(storeSettings({ client, bucket: 'b' }))
  await store.deleteData({ ticket: '0123456789abcdefghjkmnpqrs', ttlMs: 1 })
  expect(requests).toBe(1)
})
