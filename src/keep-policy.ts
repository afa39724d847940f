// The option `preserve`: it decides which temporary files outlive their scope for a post-mortem. Guarantee: kept failures
// are limited by count, and by age where one is set.

import { optionError } from './errors.ts'
import { duration, integer, type Kind, nested } from './input/options.ts'
import type { Duration } from './input/units.ts'

/**
 * The values of {@link TempFileManagerOptions.preserve}.
 * @category Managers
 */
export type Preserve = boolean | 'on-error' | { count?: number | undefined; age?: Duration | undefined }

/** The limits of `preserve: 'on-error'`. */
export interface KeepPolicy {
  /** At most this many failures, the newest. */
  readonly count: number
  /** Their greatest age, in milliseconds; undefined: no limit. */
  readonly ageMs: number | undefined
}

const checkPreserve = nested({ count: integer(1), age: duration })

/** Checks `preserve`. */
export const preserveKind: Kind<Preserve> = (value, option) => {
  if (typeof value === 'boolean' || value === 'on-error') return value
  if (typeof value === 'object' && value !== null) return checkPreserve(value, option)
  throw optionError(option, `${option} must be true, false, 'on-error' or an object with count or age.`)
}

/** The newest 3 failures, of any age. */
export const DEFAULT_KEEP: KeepPolicy = { count: 3, ageMs: undefined }

/** The limits for failed scopes that are kept, at most 3 by default. */
export function keepPolicyOf(preserve: Preserve): KeepPolicy | undefined {
  if (typeof preserve === 'boolean') return undefined
  if (preserve === 'on-error') return DEFAULT_KEEP
  const { count = DEFAULT_KEEP.count, age } = preserve
  return { count, ageMs: age === undefined ? undefined : duration(age, 'preserve.age') }
}

/** TEMP_FILE_MANAGER_PRESERVE: 'on-error', '1', or false. */
export function preserveFromEnvironment(): Preserve {
  const value = process.env['TEMP_FILE_MANAGER_PRESERVE']
  return value === 'on-error' ? value : value === '1'
}
