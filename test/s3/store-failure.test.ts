import { describe, expect, it } from 'vitest'
import { TempFileError } from '../../src/errors.ts'
import { failureOf, NoAnswer, storeError } from '../../src/s3/store-failure.ts'

const answered = (httpStatusCode: number, name = 'Error'): object =>
  Object.assign(new Error('x'), { name, $metadata: { httpStatusCode } })
const network = (code: string): object => Object.assign(new Error('x'), { code })

describe('failed requests', () => {
  it.each([
    [answered(412), 'precondition'],
    [answered(409, 'ConditionalRequestConflict'), 'conflict'],
    [answered(404, 'NoSuchKey'), 'missing'],
    [answered(404, 'NoSuchBucket'), 'final'],
    [answered(403), 'final'],
    [answered(400), 'final'],
    [answered(400, 'RequestTimeout'), 'passing'],
    [answered(408), 'passing'],
    [answered(429), 'passing'],
    [answered(500), 'passing'],
    [answered(503, 'SlowDown'), 'passing'],
    [answered(200), 'passing'], // the answer broke off: it could not be parsed
    [network('ECONNREFUSED'), 'passing'],
    [network('EAI_AGAIN'), 'passing'],
    [network('ERR_INVALID_ARG_TYPE'), 'final'],
    [new NoAnswer(5), 'passing'],
    [new Error('CredentialsProviderError'), 'final'],
    [undefined, 'final'],
  ])('failureOf() of %o is %s', (error, kind) => {
    expect(failureOf(error)).toBe(kind)
  })

  it.each([
    [new NoAnswer(5), 'read', 'ERR_TEMP_TIMEOUT', 504],
    [network('ECONNREFUSED'), 'read', 'ERR_TEMP_DOWNLOAD_FAILED', 502],
    [answered(503), 'write', 'ERR_TEMP_UPLOAD_FAILED', 502],
    [new TempFileError('ERR_TEMP_CLOSED', 'x'), 'write', 'ERR_TEMP_CLOSED', 503],
  ] as const)('%o reaches the user as %s error %s', (error, direction, code, status) => {
    expect(storeError(error, 'claim', direction)).toMatchObject({ code, status })
  })

  it('a failure because of missing permissions or a missing bucket is explained', () => {
    expect(storeError(answered(403), 'claim', 'read').message).toContain('Compare the permissions')
    expect(storeError(answered(404, 'NoSuchBucket'), 'claim', 'read').message).toContain('no such bucket')
  })
})
