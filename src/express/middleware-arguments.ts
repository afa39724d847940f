// The arguments of the Express functions: (manager?, options?). Guarantee: a mistake throws when the middleware is
// created; without a manager each request uses the default manager of its moment.

import { optionError } from '../errors.ts'
import { getTempManager, type TempFileManager } from '../index.ts'
import { describe } from '../input/options.ts'

/** The manager to use, looked up at each request. @throws ERR_TEMP_OPTION_INVALID */
export function managerFrom(given: unknown): () => TempFileManager {
  if (given === undefined) return getTempManager
  if (isManager(given)) return () => given
  throw optionError('manager', `The first argument must be a TempFileManager, not ${describe(given)}.`)
}

/** Splits (manager?, options?), of which the manager can be left out altogether. @throws ERR_TEMP_OPTION_INVALID */
export function splitArguments<O extends object>(
  first: TempFileManager | O | undefined,
  second: O | undefined,
): { manager: () => TempFileManager; options: O | undefined } {
  const leftOut = typeof first === 'object' && first !== null && !isManager(first) && second === undefined
  // An object that is not a manager is the options; their own check refuses a wrong one.
  if (leftOut) return { manager: getTempManager, options: first }
  return { manager: managerFrom(first), options: second }
}

/** By its methods: the manager may come from another copy of the package. */
function isManager(value: unknown): value is TempFileManager {
  if (typeof value !== 'object' || value === null) return false
  const { scope, receive, claim } = value as Record<string, unknown> // any object can be read by key
  return [scope, receive, claim].every((method) => typeof method === 'function')
}
