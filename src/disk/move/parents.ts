// The missing directories above a destination. Guarantee: what was made for a move that failed is removed again,
// as far as it is empty.

import { dirname } from 'node:path'
import { errnoOf } from '../../errors.ts'
import type { FileSystem } from '../file-system.ts'
import { syncDirectorySync } from '../sync.ts'

/** Permissions before the umask, as for every directory that a user makes. */
const MODE = 0o777

export interface MadeParents {
  /** Makes their names survive a power cut. Throws the system's error. */
  sync(): void
  /** Removes them again. */
  remove(): void
}

/** Makes `directory` and what is missing above it. Throws the system's error. */
export function makeParents(fs: FileSystem, directory: string): MadeParents {
  const made: string[] = []
  try {
    make(fs, directory, made)
  } catch (error) {
    remove(fs, made)
    throw error
  }
  return {
    sync: () => {
      for (const path of made) syncDirectorySync(fs, dirname(path))
    },
    remove: () => remove(fs, made),
  }
}

function make(fs: FileSystem, directory: string, made: string[]): void {
  try {
    fs.mkdirSync(directory, { mode: MODE })
    made.push(directory)
  } catch (error) {
    const errno = errnoOf(error)
    if (errno === 'ENOENT' && dirname(directory) !== directory) {
      make(fs, dirname(directory), made)
      make(fs, directory, made)
    } else if (!isDirectory(fs, directory)) throw error
  }
}

function isDirectory(fs: FileSystem, path: string): boolean {
  try {
    return fs.statSync(path).isDirectory()
  } catch {
    return false
  }
}

function remove(fs: FileSystem, made: readonly string[]): void {
  for (const path of [...made].reverse()) {
    try {
      fs.rmdirSync(path)
    } catch {
      // Another process uses it now.
    }
  }
}
