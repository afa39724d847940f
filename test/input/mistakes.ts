// The mistakes that every public function with options must refuse, as a table: a room lists its functions, and
// `testMistakes` makes one test of each function and mistake.

import { expect, test } from 'vitest'
import { isTempFileError, type TempFileError } from '../../src/errors.ts'

/** Values that a program without types may pass as options. */
export type Untyped = Readonly<Record<string, unknown>>

export interface Mistake {
  /** Completes the test's name: 'receive refuses ...'. */
  readonly mistake: string
  readonly options: unknown
  /** `details.option` of the error. */
  readonly option: string
  /** The text in the message besides the key: usually the option that was meant. */
  readonly says?: string | RegExp
}

/** Calls a public function with these options, as JavaScript would; returns or rejects as the function does. */
export type Call = (options: never) => unknown

export interface Refusing {
  readonly name: string
  readonly call: (options: never) => unknown
  readonly mistakes: readonly Mistake[]
}

/** Mistakes that any function with options must refuse, however few options it has. */
export const COMMON: readonly Mistake[] = [
  { mistake: 'null as options', options: null, option: 'options' },
  { mistake: 'a number as options', options: 5, option: 'options' },
  { mistake: 'an array as options', options: [], option: 'options' },
  { mistake: 'a function as options', options: () => ({}), option: 'options' },
  { mistake: 'a promise of options', options: Promise.resolve({}), option: 'options', says: 'Promise' },
  { mistake: 'a Map as options', options: new Map(), option: 'options', says: 'Map' },
  { mistake: 'a key that nothing resembles', options: { xyzzy: 1 }, option: 'xyzzy', says: 'Known options' },
  {
    mistake: 'an unknown key whose value is undefined',
    options: { xyzzy: undefined },
    option: 'xyzzy',
  },
  {
    mistake: 'an unknown key that is inherited',
    options: Object.create({ xyzzy: 1 }),
    option: 'xyzzy',
  },
]

/** The wrong types of one key. `other`: values to refuse beside the usual ones. */
export function wrongTypes(option: string, ...values: readonly unknown[]): Mistake[] {
  return values.map((value) => ({
    mistake: `${option}: ${show(value)}`,
    options: nest(option, value),
    option,
    says: option,
  }))
}

/** A misspelled or foreign key, and the option that its error must name. */
export function meant(given: string, ownName: string): Mistake {
  const key = given.split('.').at(-1) ?? given
  const parent = given.slice(0, -key.length)
  return {
    mistake: `${given}, and names ${ownName}`,
    options: nest(given, 1),
    option: `${parent}${key}`,
    says: ownName,
  }
}

/** One test of each function and mistake. */
export function testMistakes(functions: readonly Refusing[]): void {
  const table = functions.flatMap(({ name, call, mistakes }) =>
    mistakes.map((each) => ({ name, call, ...each })),
  )
  test.each(table)('$name refuses $mistake', async ({ call, options, option, says }) => {
    const error = await failureOf(() => call(options as never)) // as JavaScript passes it
    expect(error).toMatchObject({ code: 'ERR_TEMP_OPTION_INVALID', status: 500, details: { option } })
    if (option !== 'options') expect(error.message).toContain(option.split('.').at(-1))
    if (says !== undefined) expect(error.message).toMatch(says)
  })
}

async function failureOf(call: () => unknown): Promise<TempFileError> {
  try {
    await call()
  } catch (error) {
    if (isTempFileError(error)) return error
    throw error
  }
  throw new Error('It was accepted.')
}

function nest(option: string, value: unknown): unknown {
  return option.split('.').reduceRight<unknown>((inner, key) => ({ [key]: inner }), value)
}

function show(value: unknown): string {
  if (typeof value === 'function') return 'a function'
  if (typeof value === 'symbol' || typeof value === 'bigint') return typeof value
  return JSON.stringify(value) ?? String(value)
}
