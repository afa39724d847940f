// Decides who can change the contents of a directory. Guarantee: a directory counts as private only if its owner is this
// user or root and its mode lets no other user write; POSIX ACLs show in the group bits, which are their mask (acl(5)).

import nodeFs from 'node:fs'
import type { DiskStats, FileSystem } from './file-system.ts'

const ROOT = 0
/** The kernel shows users whom a user namespace does not map as this one, user_namespaces(7). */
const UNMAPPED = 65534
export const STICKY = 0o1000
/** Group and others. */
export const WRITABLE_BY_OTHERS = 0o022

/** Whether paths of `fs` are real paths of this machine, to which the kernel's own facts apply. */
export function isRealDisk(fs: FileSystem): boolean {
  return fs === nodeFs || fs.native === true
}

/** Whether owners and modes of `fs` mean something: not on Windows, and not in memory. */
export function hasOwners(fs: FileSystem): boolean {
  return process.geteuid !== undefined && isRealDisk(fs)
}

/** Whether an entry belongs to this user or to root. */
export function isOwnedByUsOrRoot(stats: { readonly uid: number }): boolean {
  return stats.uid === ROOT || stats.uid === process.geteuid?.()
}

/**
 * Whether a user id can be root of the host: in a user namespace that maps neither root nor this id, as sandboxes create
 * (bwrap, `unshare --user`). There `/` and `/tmp` belong to it, and so do the files of all other users of the host.
 */
export function canBeHiddenRoot(uid: number): boolean {
  if (uid !== UNMAPPED) return false
  try {
    const lines = nodeFs.readFileSync('/proc/self/uid_map', 'utf8').trim().split('\n')
    return !lines.some((line) => {
      const [inside = 0, outside = 0, count = 0] = line.trim().split(/\s+/).map(Number)
      return outside === 0 || (uid >= inside && uid < inside + count)
    })
  } catch {
    return false
  }
}

/** Whether an entry belongs to this user. */
export function isOwnedByUs(stats: { readonly uid: number }): boolean {
  return process.geteuid === undefined || stats.uid === process.geteuid()
}

/** Whether another user may add, rename or remove entries of the directory. */
export function othersCanWrite(stats: DiskStats): boolean {
  return !isOwnedByUsOrRoot(stats) || (stats.mode & WRITABLE_BY_OTHERS) !== 0
}

/** Whether the entries in a directory that others can write belong to their makers alone, as in /tmp. */
export function isSticky(stats: DiskStats): boolean {
  return isOwnedByUsOrRoot(stats) && (stats.mode & STICKY) !== 0
}
