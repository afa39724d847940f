// A rename into a directory that a cleaner of empty directories may have removed. Guarantee: the directory is created again,
// private and durable; an entry that exists is never reported as absent.

import { dirname } from 'node:path'
import { errnoOf } from '../errors.ts'
import type { FileSystem } from './file-system.ts'
import { existsAt, renameIfThere } from './paths.ts'
import { syncDirectoryIfAllowed } from './sync.ts'

/** Renames `from` to `to`, whose directory is created if it is missing. False if `from` does not exist. Throws the system's error. */
export function renameInto(fs: FileSystem, from: string, to: string): boolean {
  if (renameIfThere(fs, from, to)) return true
  const directory = dirname(to)
  if (existsAt(fs, directory) || !existsAt(fs, from) || !isMade(fs, directory)) return false
  return renameIfThere(fs, from, to)
}

/** False where the directory above does not exist: the session has another name, or the whole root was removed. */
function isMade(fs: FileSystem, directory: string): boolean {
  try {
    fs.mkdirSync(directory, { mode: 0o700 })
    fs.chmodSync(directory, 0o700) // a umask may remove bits of the owner
    syncDirectoryIfAllowed(fs, dirname(directory))
  } catch (error) {
    const errno = errnoOf(error)
    if (errno === 'ENOENT') return false
    if (errno !== 'EEXIST') throw error
  }
  return true
}
