// How a new file is named and protected. Its promise: the same few options wherever a file is made.

/** How a new file is named and protected; every part is optional. */
export interface FileOptions {
  /** The end of a generated name, with its dot: `'.mkv'`. */
  readonly suffix?: string | undefined
  /** The beginning of a generated name; default: the manager's `prefix`. */
  readonly prefix?: string | undefined
  /** Exactly this file name, in a directory of its own; not together with `prefix` or `suffix`. */
  readonly name?: string | undefined
  /** Permission bits; default `0o600`. */
  readonly mode?: number | undefined
}

/** How a new directory is named and protected; as {@link FileOptions}, with mode `0o700` by default. */
export type DirOptions = FileOptions
