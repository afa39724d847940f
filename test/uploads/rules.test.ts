import { describe, expect, test } from 'vitest'
import { prepareAppend, prepareCreation, prepareFinish, prepareOpening } from '../../src/uploads/rules.ts'
import { failureSync } from '../fixtures/failures.ts'

const HEX = 'ab'.repeat(32)

describe('options of uploads', () => {
  test('the default options of a creation are a ttl of a day, a maxAge of a week, and durable', () => {
    expect(prepareCreation(undefined).record).toMatchObject({
      ttl: 24 * 3_600_000,
      maxAge: 7 * 24 * 3_600_000,
      durable: true,
      length: undefined,
    })
  })

  test('an opening refuses a busy upload by default, and takes it over within its timeout when asked to', () => {
    expect(prepareOpening(undefined)).toEqual({ takeOver: false, timeoutMs: 5000 })
    expect(prepareOpening({ whenBusy: 'take-over', timeout: '1s' })).toEqual({
      takeOver: true,
      timeoutMs: 1000,
    })
  })

  test('an opening with a timeout that is longer than a timer can wait is refused', () => {
    failureSync('ERR_TEMP_OPTION_INVALID', () => prepareOpening({ timeout: '25d' }))
  })

  test('an append has no rules and no digests by default, and is not the last one', () => {
    expect(prepareAppend(undefined)).toMatchObject({
      digests: [],
      last: false,
      keepSource: false,
      rules: { file: undefined, minBytes: 0, maxBytes: Number.POSITIVE_INFINITY },
    })
  })

  test('a finish takes the smaller one of maxBytes and accept.maxBytes', () => {
    expect(prepareFinish({ maxBytes: 10, accept: { maxBytes: 5, minBytes: 1 } })).toMatchObject({
      minBytes: 1,
      maxBytes: 5,
    })
    expect(prepareFinish({ maxBytes: 5, accept: { maxBytes: 10 } }).maxBytes).toBe(5)
  })

  test('an expected digest in capital letters is recorded in small letters', () => {
    const { expectedDigests } = prepareCreation({
      expectedDigest: { algorithm: 'sha256', value: HEX.toUpperCase() },
    }).record
    expect(expectedDigests).toEqual([{ algorithm: 'sha256', value: HEX }])
  })

  test.each([
    [prepareCreation, { size: 1 }, 'size'],
    [prepareCreation, { length: -1 }, 'length'],
    [prepareCreation, { length: '1mb' }, 'length'],
    [prepareCreation, { ttl: 'soon' }, 'ttl'],
    [prepareCreation, { hash: 'sha-257' }, 'hash'],
    [prepareCreation, { expectedDigest: { algorithm: 'sha256', value: 'xyz' } }, 'expectedDigest.value'],
    [prepareCreation, { expectedDigest: [{ algorithm: 'sha256' }] }, 'expectedDigest[0]'],
    [
      prepareCreation,
      { expectedDigest: { algorithm: 'sha256', value: 'ab' } },
      'expectedDigest.value must be 64',
    ],
    [prepareAppend, { digests: [{ algorithm: 'sha512', value: HEX }] }, 'digests[0].value must be 128'],
    [prepareCreation, { expectedDigest: { algorithm: 'none', value: HEX } }, 'expectedDigest.algorithm'],
    [prepareCreation, { accept: undefined }, 'accept'],
    [prepareOpening, { whenBusy: 'wait' }, 'whenBusy'],
    [prepareAppend, { maxSize: 1 }, 'maxBytes'],
    [prepareAppend, { signal: true }, 'signal'],
    [prepareAppend, { digests: [{ algorithm: 'sha256' }] }, 'value'],
    [prepareFinish, { length: 1 }, 'length'],
  ] as const)('%o refuses %j, and the error names %s', (prepare, options, named) => {
    const error = failureSync('ERR_TEMP_OPTION_INVALID', () => prepare(options))
    expect(error.message).toContain(named)
  })
})
