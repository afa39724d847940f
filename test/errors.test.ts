import { inspect } from 'node:util'
import { describe, expect, test } from 'vitest'
import { errnoOf, ioError, isTempFileError, TempFileError, type TempFileErrorCode } from '../src/errors.ts'

describe('TempFileError', () => {
  const cause = new Error('deep')
  const error = new TempFileError('ERR_TEMP_TOO_LARGE', 'Too large.', {
    cause,
    path: '/secret/place',
    details: { bytes: 5 },
  })

  test('a TempFileError carries its code, its HTTP status twice, its cause and plain details', () => {
    expect(error).toMatchObject({
      name: 'TempFileError',
      code: 'ERR_TEMP_TOO_LARGE',
      status: 413,
      statusCode: 413,
      details: { bytes: 5 },
    })
    expect(error.cause).toBe(cause)
    expect(error).toBeInstanceOf(Error)
    expect(error).toBeInstanceOf(TempFileError)
  })

  test('a TempFileError shows its path to the program and not to a client', () => {
    expect(error.path).toBe('/secret/place')
    expect(JSON.stringify(error)).not.toContain('secret')
    expect({ ...error }).not.toHaveProperty('path')
  })

  test('a TempFileError is recognised by its brand, not by its class', () => {
    const foreign = Object.assign(Object.create({ [Symbol.for('temp-file-manager.error.v1')]: true }), {
      code: 'ERR_TEMP_QUOTA',
    })
    expect(isTempFileError(foreign)).toBe(true)
    expect(foreign instanceof TempFileError).toBe(true)
    for (const other of [new Error('x'), undefined, null, 5, 'ERR_TEMP_QUOTA', { code: 'ERR_TEMP_QUOTA' }]) {
      expect(isTempFileError(other)).toBe(false)
      expect(other instanceof TempFileError).toBe(false)
    }
  })

  test('TempFileError may have subclasses, of which other errors are not instances', () => {
    class Mine extends TempFileError {}
    expect(new Mine('ERR_TEMP_IO', 'x')).toBeInstanceOf(TempFileError)
    expect(error).not.toBeInstanceOf(Mine)
  })

  test('a TempFileError prints with its code', () => {
    expect(inspect(error)).toContain('ERR_TEMP_TOO_LARGE')
  })
})

test.each(['TYPO', 'toString'])('an error made in JavaScript with the code %s has a status', (code) => {
  const error = new TempFileError(code as TempFileErrorCode, 'm', null as never)
  expect([error.status, error.statusCode, error.expose, error.details]).toEqual([500, 500, false, {}])
})

describe('system errors', () => {
  const system = (code: string): Error => Object.assign(new Error(`${code}: at /tmp/x`), { code })

  test.each(['ENOSPC', 'EDQUOT'])('%s means that space is missing', (code) => {
    expect(ioError(system(code), 'write')).toMatchObject({ code: 'ERR_TEMP_NO_SPACE', status: 507 })
  })

  test('any other system error is ERR_TEMP_IO, has the original as its cause and no path in its message', () => {
    const error = ioError(system('EIO'), 'write the file', '/tmp/x')
    expect(error).toMatchObject({ code: 'ERR_TEMP_IO', status: 500, path: '/tmp/x' })
    expect(error.message).toContain('EIO')
    expect(error.message).not.toContain('/tmp')
    expect(errnoOf(error.cause)).toBe('EIO')
  })

  test('ioError() returns an error that is typed already as it is', () => {
    const typed = new TempFileError('ERR_TEMP_QUOTA', 'full')
    expect(ioError(typed, 'write')).toBe(typed)
  })

  test('errnoOf() returns undefined for a value whose code is missing or not a string', () => {
    expect(errnoOf({ code: 5 })).toBeUndefined()
    expect(errnoOf(undefined)).toBeUndefined()
    expect(errnoOf(new Error('x'))).toBeUndefined()
  })
})
