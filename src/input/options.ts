// The one door for options: each options object has a schema of its known keys and their kinds.
// Guarantee: from JavaScript too, an unknown key, a wrong type or a missing preset throws ERR_TEMP_OPTION_INVALID
// before anything is created. The error names the key (`details.option`) and the option that was probably meant.
//
// `undefined` counts as absent for every kind except `preset`: see its comment.

import { optionError } from '../errors.ts'
import { foreignName } from './foreign-names.ts'
import { closestName } from './spelling.ts'
import { type Duration, type Size, toBytes, toMilliseconds } from './units.ts'

/** Checks one value and returns it in the form that the library uses. `option` is the key's full name, for errors. */
export interface Kind<T> {
  (value: unknown, option: string): T
  /** The key is also checked when it is present with the value `undefined`. */
  readonly presentUndefined?: true
}

/** The known keys of an options object. */
export type Schema = Readonly<Record<string, Kind<unknown>>>

/** An options object after its check. */
export type Checked<S extends Schema> = { readonly [K in keyof S]: ReturnType<S[K]> | undefined }

/** A checked options object; `option` is its own full name when it is nested in another one. */
export type Door<S extends Schema> = (given: unknown, option?: string) => Checked<S>

/**
 * Builds the check of one options object. `owner` completes 'is not an option of ...'.
 * @example
 * const checkSweep = optionsOf('sweep', { dryRun: boolean, timeLimit: timerDuration })
 * checkSweep({ timeLimit: '5s' }) // { dryRun: undefined, timeLimit: 5000 }
 */
export function optionsOf<S extends Schema>(owner: string, schema: S): Door<S> {
  const known = Object.keys(schema)
  return (given, option) => {
    const checked: Record<string, unknown> = {}
    if (given !== undefined) {
      const values = requireObject(given, option ?? `The options of ${owner}`, option)
      for (const key in values) if (!Object.hasOwn(schema, key)) refuseKey(owner, known, key, option)
      for (const key of known) checked[key] = checkKey(schema, values, key, option)
    }
    // Each key was checked by its own kind, which TypeScript cannot follow through the loop.
    return checked as Checked<S>
  }
}

function checkKey(
  schema: Schema,
  values: Readonly<Record<string, unknown>>,
  key: string,
  parent?: string,
): unknown {
  const kind = schema[key]
  const value = values[key]
  if (kind === undefined || (value === undefined && !(kind.presentUndefined === true && key in values)))
    return undefined
  return kind(value, fullName(key, parent))
}

function fullName(key: string, parent: string | undefined): string {
  return parent === undefined ? key : `${parent}.${key}`
}

function requireObject(
  value: unknown,
  what: string,
  option: string | undefined,
): Readonly<Record<string, unknown>> {
  if (isKeyed(value)) return value
  throw optionError(option ?? 'options', `${what} must be an object, not ${describe(value)}.`)
}

/**
 * Whether it is an object whose own keys are its content: also a class of the program, and the namespace of a module. A
 * Promise (a forgotten `await`), a Map or Headers has no keys, so each option in it would be ignored without an error.
 */
export function isKeyed(value: unknown): value is Readonly<Record<string, unknown>> {
  const tag = Object.prototype.toString.call(value)
  return tag === '[object Object]' || tag === '[object Module]'
}

function refuseKey(owner: string, known: readonly string[], key: string, parent: string | undefined): never {
  const shown = JSON.stringify(key.slice(0, 40))
  const foreign = foreignName(key, known)
  const meant = foreign?.meant ?? closestName(key, known)
  const advice =
    foreign?.advice ??
    (meant === undefined ? `Known options: ${known.join(', ')}.` : `Did you mean ${meant}?`)
  throw optionError(
    fullName(key.slice(0, 40), parent),
    `${shown} is not an option of ${owner}. ${advice}`,
    meant,
  )
}

/** Names the type of a wrong value, never the value itself: it may be a secret. */
export function describe(value: unknown): string {
  if (value === null) return 'null'
  if (Array.isArray(value)) return 'an array'
  if (typeof value !== 'object') return typeof value
  return isKeyed(value) ? 'an object' : Object.prototype.toString.call(value).slice(8, -1)
}

function wrongType(option: string, expected: string, value: unknown): never {
  throw optionError(option, `${option} must be ${expected}, not ${describe(value)}.`)
}

/** A {@link Size}, returned in bytes. */
export const size: Kind<number> = (value, option) => toBytes(value as Size, option) // toBytes checks the type

/** A {@link Duration}, returned in milliseconds. */
export const duration: Kind<number> = (value, option) => toMilliseconds(value as Duration, option) // the same

/** The longest delay of Node's timers in milliseconds; with a longer one they fire after 1 ms. */
export const LONGEST_TIMER_MS = 2 ** 31 - 1

/** A {@link Duration} within bounds, returned in milliseconds; `bounds` completes 'must be ...'. */
export function durationWithin(least: number, most: number, bounds: string): Kind<number> {
  return (value, option) => {
    const ms = duration(value, option)
    if (ms >= least && ms <= most) return ms
    throw optionError(option, `${option} must be ${bounds}.`)
  }
}

/** A {@link Duration} that is waited for: every timeout, time limit and interval. Ages and times to live are not. */
export const timerDuration: Kind<number> = durationWithin(
  0,
  LONGEST_TIMER_MS,
  `at most ${LONGEST_TIMER_MS} milliseconds, or '24d': no timer of Node waits longer`,
)

/** `true` or `false`. */
export const boolean: Kind<boolean> = (value, option) =>
  typeof value === 'boolean' ? value : wrongType(option, 'true or false', value)

/** A string. */
export const text: Kind<string> = (value, option) =>
  typeof value === 'string' ? value : wrongType(option, 'a string', value)

/** A function. `T` is its type; parameters cannot be checked at run time. */
export function callback<T>(): Kind<T> {
  return (value, option) =>
    typeof value === 'function' ? (value as T) : wrongType(option, 'a function', value)
}

/** A whole number from `least` to `most`. */
export function integer(least = 0, most = Number.MAX_SAFE_INTEGER): Kind<number> {
  return (value, option) => {
    if (typeof value === 'number' && Number.isSafeInteger(value) && value >= least && value <= most)
      return value
    const range = most === Number.MAX_SAFE_INTEGER ? `${least} or more` : `from ${least} to ${most}`
    throw optionError(option, `${option} must be a whole number, ${range}.`)
  }
}

/** Permission bits. */
export const mode: Kind<number> = (value, option) => {
  if (typeof value === 'number' && Number.isInteger(value) && value >= 0 && value <= 0o777) return value
  throw optionError(option, `${option} must be permission bits from 0 to 0o777.`)
}

/** An AbortSignal of any realm. */
export const abortSignal: Kind<AbortSignal> = (value, option) => {
  const { addEventListener } = (value ?? {}) as { addEventListener?: unknown } // any value can be read by key
  return typeof addEventListener === 'function'
    ? (value as AbortSignal) // duck-typed: a test runner's realm has an AbortSignal of its own
    : wrongType(option, 'an AbortSignal', value)
}

/** One of the listed strings. */
export function oneOf<const T extends string>(...choices: readonly T[]): Kind<T> {
  return (value, option) => {
    const choice = choices.find((each) => each === value)
    if (choice !== undefined) return choice
    const list = choices.map((each) => `'${each}'`).join(', ')
    throw optionError(option, `${option} must be one of ${list}.`)
  }
}

/** An array whose items are all of one kind. */
export function listOf<T>(item: Kind<T>): Kind<readonly T[]> {
  return (value, option) => {
    if (!Array.isArray(value)) return wrongType(option, 'an array', value)
    return Array.from(value, (each: unknown, index) => item(each, `${option}[${index}]`))
  }
}

/** An object with free keys (field names, header names) whose values are all of one kind. */
export function recordOf<T>(item: Kind<T>): Kind<Readonly<Record<string, T>>> {
  return (value, option) =>
    Object.fromEntries(
      Object.entries(requireObject(value, option, option)).map(([key, each]) => [
        key,
        item(each, `${option}['${key.slice(0, 40)}']`),
      ]),
    )
}

/** Another options object inside this one. */
export function nested<S extends Schema>(schema: S, owner?: string): Kind<Checked<S>> {
  return (value, option) => optionsOf(owner ?? option, schema)(value, option)
}

/** A value that is exactly `constant`, or of `kind`: `false` or a duration, `true` or an object. */
export function constantOr<const C extends string | boolean, T>(constant: C, kind: Kind<T>): Kind<C | T> {
  return (value, option) => {
    if (value === constant) return constant
    if (typeof value === 'boolean' && typeof constant === 'boolean')
      throw optionError(option, `${option} can be ${constant}, but not ${value}.`)
    return kind(value, option)
  }
}

/** Checked by the code that receives it. */
export function unchecked<T>(): Kind<T> {
  return (value) => value as T // the caller names the check that follows
}

/**
 * Rules that are usually looked up by name, such as `fileRules.image`. A misspelled name gives `undefined`, and
 * without this check the file would be accepted unchecked: a key that is present but `undefined` is refused.
 */
export function preset<T>(kind: Kind<T>): Kind<T> {
  const check = (value: unknown, option: string): T => {
    if (value !== undefined) return kind(value, option)
    throw optionError(
      option,
      `${option} is present but undefined: check the spelling of the preset (fileRules has video, image, pdf, ` +
        `audio, csv and office). To accept any file, leave ${option} out.`,
    )
  }
  return Object.assign(check, { presentUndefined: true as const })
}

/** @throws ERR_TEMP_OPTION_INVALID if `fn` is not a function; `place` names the argument of the method `name` */
export function requireCallback(name: string, fn: unknown, place: 'second' | 'last'): void {
  if (typeof fn !== 'function') throw optionError('fn', `${name} needs a function as its ${place} argument.`)
}
