// Paths that programs pass. Guarantee: a relative one means the working directory of the moment: check it before the first
// wait of a call, in which the program may change its directory.

import { resolve } from 'node:path'
import { ioError } from '../errors.ts'

/** The absolute path. @throws ERR_TEMP_IO: it is relative, and the current directory was removed */
export function absolutePath(path: string): string {
  try {
    return resolve(path)
  } catch (error) {
    throw ioError(error, 'make a relative path absolute in the current directory')
  }
}

/** Whether an argument is a non-empty string without NUL characters. */
export function isGivenPath(given: unknown): given is string {
  return typeof given === 'string' && given !== '' && !given.includes('\0')
}
