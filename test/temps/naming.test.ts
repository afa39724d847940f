import { describe, expect, test } from 'vitest'
import type { FileOptions } from '../../src/index.ts'
import { Namer } from '../../src/temps/naming.ts'
import { failureSync } from '../fixtures/failures.ts'

describe('names of new entries', () => {
  test('the name of a new entry has the prefix of the manager and the suffix of the call', () => {
    expect(new Namer('job-').check('.mkv').affixes).toEqual({ prefix: 'job-', suffix: '.mkv' })
    expect(new Namer('job-').check(undefined).affixes).toEqual({ prefix: 'job-', suffix: '' })
  })

  test('the name of a new entry has the prefix of the call when the call has one, also an empty one', () => {
    expect(new Namer('job-').check({ prefix: 'one-', suffix: '.a' }).affixes).toEqual({
      prefix: 'one-',
      suffix: '.a',
    })
    expect(new Namer('job-').check({ prefix: '' }).affixes.prefix).toBe('')
  })

  test('the name of a new entry is checked once for calls with the same suffix', () => {
    const namer = new Namer('job-')
    expect(namer.check('.mkv')).toBe(namer.check('.mkv'))
    expect(namer.check('.mp4').affixes.suffix).toBe('.mp4')
    expect(namer.check('.mkv').affixes.suffix).toBe('.mkv')
  })

  test('the name of a new entry is exact when the call asks for it', () => {
    expect(new Namer('job-').check({ name: 'v1..2.tar.gz', mode: 0o640 })).toMatchObject({
      exact: 'v1..2.tar.gz',
      mode: 0o640,
    })
  })

  test.each(['prefix', 'suffix'] as const)('an exact name takes no %s', (option) => {
    const error = failureSync('ERR_TEMP_OPTION_INVALID', () =>
      new Namer('').check({ name: 'a', [option]: 'b' }),
    )
    expect(error.details).toMatchObject({ option: 'name' })
  })

  test.each(['../a', 'a/b', 'a\\b', 'a\0b', 'a\nb', 'a\u202eb', '..', 'a.', 'a ', 'x'.repeat(250)])(
    'the name of a new entry never has the suffix %j',
    (suffix) => {
      const namer = new Namer('job-')
      failureSync('ERR_TEMP_NAME_INVALID', () => namer.check(suffix))
      failureSync('ERR_TEMP_NAME_INVALID', () => namer.check({ suffix }))
      expect(namer.check('.mkv').affixes.suffix).toBe('.mkv')
    },
  )

  test('the name of a new entry is at most 255 bytes, with the random part and the counter', () => {
    const namer = new Namer('')
    const longest = 255 - 16 - 1 - 10
    expect(namer.check('x'.repeat(longest)).affixes.suffix).toHaveLength(longest)
    failureSync('ERR_TEMP_NAME_INVALID', () => namer.check('x'.repeat(longest + 1)))
    failureSync('ERR_TEMP_NAME_INVALID', () => namer.check('ü'.repeat(longest)))
  })

  test.each(['prefix', 'suffix', 'name'])('the name of a new entry never has the %s null', (option) => {
    // A call from JavaScript.
    const options = { [option]: null } as unknown as FileOptions
    failureSync('ERR_TEMP_NAME_INVALID', () => new Namer('job-').check(options))
  })

  test.each([[7], [null], [true]])('the name of a new entry cannot be made from %j', (options) => {
    // A call from JavaScript.
    failureSync('ERR_TEMP_OPTION_INVALID', () => new Namer('').check(options as unknown as FileOptions))
  })
})
