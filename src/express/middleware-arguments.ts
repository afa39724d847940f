// The arguments of the Express functions: (manager?, options?). Guarantee: a mistake throws when the middleware is
// created; without a manager each request uses the scope that it has, else the default manager of its moment.

import type { TempFileManager } from '../index.ts'
import { isManager, requireManager } from '../input/program-objects.ts'

/** The manager that was given, checked; undefined: none was. @throws ERR_TEMP_OPTION_INVALID */
export function managerFrom(given: unknown): TempFileManager | undefined {
  return given === undefined ? undefined : requireManager(given, 'The first argument')
}

/** Splits (manager?, options?), of which the manager can be left out altogether. @throws ERR_TEMP_OPTION_INVALID */
export function splitArguments<O extends object>(
  first: TempFileManager | O | undefined,
  second: O | undefined,
): { manager: TempFileManager | undefined; options: O | undefined } {
  const leftOut = typeof first === 'object' && first !== null && !isManager(first) && second === undefined
  // An object that is not a manager is the options; their own check refuses a wrong one.
  if (leftOut) return { manager: undefined, options: first }
  return { manager: managerFrom(first), options: second }
}
