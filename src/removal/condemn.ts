// The commit to a deletion, and all that is to be deleted of most short programs. The rest is in remove-session.ts.

import type { FileSystem } from '../disk/file-system.ts'
import { CLAIMS, goneName, inside, OWNER, type Root } from '../layout.ts'
import { renameOnFullDisk } from './full-disk.ts'

/** Commits to the deletion of `path`, and returns its new path. Throws the system's error. */
export function condemn({ fs, layout }: Root, path: string, id: string): string {
  const gone = inside(layout.sessions, goneName(id))
  renameOnFullDisk(fs, path, gone)
  return gone
}

/**
 * A condemned session whose owner has created nothing in it but its record and files: where the files are removed, three
 * calls are enough, and a short program pays for no more. False: something is left, which is for finishRemovalSync().
 */
export function removeBareSession(fs: FileSystem, gone: string): boolean {
  try {
    fs.rmdirSync(inside(gone, CLAIMS)) // refuses what is not empty, and what is a mount point
    fs.unlinkSync(inside(gone, OWNER))
    fs.rmdirSync(gone)
    return true
  } catch {
    return false
  }
}
