// A commit rename that somebody else may win. Promise: true means that it was us; a source that has gone is no error.

import { errnoOf } from '../errors.ts'
import type { FileSystem } from './file-system.ts'

/** Renames unless the source has gone, because somebody else was first. Throws the system's error. */
export function renameIfThere(fs: FileSystem, from: string, to: string): boolean {
  try {
    fs.renameSync(from, to)
    return true
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return false
    throw error
  }
}
