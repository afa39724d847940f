// The naming options that every function with a new file or directory shares, and their check.

import { checkAffixes } from './names.ts'
import { type Kind, mode, text, unchecked } from './options.ts'

/**
 * How a new file is named and protected. Every option has a default.
 * @category Creating and receiving
 */
export interface FileOptions {
  /** End of a generated name, with its dot: `'.mkv'`. */
  readonly suffix?: string | undefined
  /** Start of a generated name; default: the manager's `prefix`. */
  readonly prefix?: string | undefined
  /** Exactly this file name, in a directory of its own; not together with `prefix` or `suffix`. */
  readonly name?: string | undefined
  /** Permission bits; default `0o600`. */
  readonly mode?: number | undefined
}

/**
 * How a new directory is named and protected; as {@link FileOptions}, with mode `0o700` by default.
 * @category Creating and receiving
 */
export type DirOptions = FileOptions

/** The keys of {@link FileOptions}, to be spread into the schema of each function that creates a file. */
export const fileOptions = {
  suffix: unchecked<string>(), // by checkAffixes: ERR_TEMP_NAME_INVALID, for these three are often a client's text
  prefix: unchecked<string>(),
  name: unchecked<string>(), // by checkName
  mode,
}

/** Room for the generated part of a name and an extension of a client's file. */
const REST_BYTES = 64

/** The `prefix` of functions that generate the rest of the name for each file: checked once, before the first file. */
export const namePrefix: Kind<string> = (value, option) => {
  const prefix = text(value, option)
  checkAffixes(prefix, '', REST_BYTES)
  return prefix
}

/** The `suffix` of functions that learn the file's name from elsewhere, such as fetchFile: checked before the first byte. */
export const nameSuffix: Kind<string> = (value, option) => {
  const suffix = text(value, option)
  checkAffixes('', suffix, REST_BYTES)
  return suffix
}
