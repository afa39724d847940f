// The arguments of withFile, withDir and withScope: options, which may be left out, and a function.

import { requireCallback } from '../input/options.ts'

export type Callback<E, T> = (entry: E) => Promise<T> | T
export type CallbackArguments<O, E, T> = [fn: Callback<E, T>] | [options: O, fn: Callback<E, T>]

/** Splits the arguments of the method `name`. @throws ERR_TEMP_OPTION_INVALID when no function was passed */
export function splitArguments<O, E, T>(
  name: string,
  given: CallbackArguments<O, E, T>,
): readonly [O | undefined, Callback<E, T>] {
  const [options, fn] = given.length === 1 ? [undefined, given[0]] : given
  requireCallback(name, fn, 'last')
  return [options, fn]
}
