import { S3Client } from '@aws-sdk/client-s3'
import { describe, expect, it } from 'vitest'
import { S3Handoffs, type S3HandoffsOptions } from '../../src/s3/index.ts'
import { failure, failureSync } from '../fixtures/failures.ts'
import { tempManager } from '../fixtures/temp-base.ts'

const client = new S3Client({ region: 'us-east-1', endpoint: 'http://127.0.0.1:9' })
const bucket = 'b'

describe('S3Handoffs', () => {
  it.each([
    ['client', { bucket }],
    ['client', { bucket, client: {} }],
    ['bucket', { client }],
    ['bucket', { client, bucket: '' }],
    ['prefix', { client, bucket, prefix: '/x' }],
    ['prefix', { client, bucket, prefix: 'ü' }],
    ['lease', { client, bucket, lease: '1s' }],
    ['lease', { client, bucket, lease: '25d' }],
    ['timeout', { client, bucket, timeout: 'soon' }],
    ['timeout', { client, bucket, timeout: '25d' }],
    ['handoff.maxAttempts', { client, bucket, handoff: { maxAttempts: 0 } }],
    ['handoff.tll', { client, bucket, handoff: { tll: '1s' } }],
    ['Lease', { client, bucket, Lease: '10s' }],
  ])('the constructor of S3Handoffs refuses a wrong %s before any request', (option, options) => {
    const error = failureSync(
      'ERR_TEMP_OPTION_INVALID',
      () => new S3Handoffs(options as unknown as S3HandoffsOptions),
    )
    expect(error.details.option).toBe(option)
  })

  it('the methods of S3Handoffs refuse wrong options before any request', async () => {
    const store = new S3Handoffs({ client, bucket })
    const file = tempManager().file()
    await failure('ERR_TEMP_OPTION_INVALID', () => store.handOff(file, { ttl: 'x' }))
    await failure('ERR_TEMP_OPTION_INVALID', () =>
      store.handOff(tempManager().dir() as unknown as typeof file),
    )
    await failure('ERR_TEMP_OPTION_INVALID', () =>
      store.claim('0123456789abcdefghjkmnpqrs', { download: 1 as unknown as true }),
    )
    await failure('ERR_TEMP_OPTION_INVALID', () => store.sweep({ timeLimit: -1 }))
    await failure('ERR_TEMP_OPTION_INVALID', () => store.sweep({ timeLimit: '25d' }))
    await failure('ERR_TEMP_OPTION_INVALID', () => store.handoffs({ limit: 0 }))
    await failure('ERR_TEMP_TICKET_INVALID', () => store.handoffs({ after: '../x' }))
    expect(file.disposed).toBe(false)
  })
})
