// Whether a directory can hold files that only this user may change (sshd's StrictModes, with /tmp allowed).
// Guarantee: no other user can replace anything on the path: each directory, up to /, is owned by this user or
// root; one that others can write has the sticky bit, and then the entry on the path is this user's or root's.
// In a user namespace that hides root, its files and those of other users look alike: a directory counts as root's unless
// others can write the directory that holds it.
// On Windows, where modes mean nothing, the directory is in this user's profile, and no junction or link is on the path.

import nodeFs from 'node:fs'
import { isAbsolute, join, relative, resolve } from 'node:path'
import { platform } from '../platform/index.ts'
import type { DiskStats, FileSystem } from './file-system.ts'
import {
  canBeHiddenRoot,
  hasOwners,
  isOwnedByUsOrRoot,
  isRealDisk,
  STICKY,
  WRITABLE_BY_OTHERS,
} from './ownership.ts'
import { pathsDownTo } from './paths.ts'

/** A place on the path where another user could put something else. */
export interface Weakness {
  readonly path: string
  /**
   * 'owner': it belongs to another user. 'mode': others can write it, without the sticky bit. 'profile': it is outside the
   * user's profile. 'link': it is a junction or a symbolic link.
   */
  readonly kind: 'owner' | 'mode' | 'profile' | 'link'
  readonly uid: number
  readonly mode: number
}

/** The first weakness of an existing directory and its ancestors; undefined if it is safe. Throws the system's error. */
export function findWeakness(fs: FileSystem, directory: string): Weakness | undefined {
  const profile = isRealDisk(fs) ? platform().privateDirectory() : undefined
  if (profile !== undefined) return weaknessInProfile(fs, profile, resolve(directory))
  if (!hasOwners(fs)) return undefined
  let path = resolve(directory)
  // A link is checked as an entry, then the real path behind it is checked from the top.
  for (;;) {
    const found = walk(fs, path)
    if (found === undefined || 'kind' in found) return found
    path = join(fs.realpathSync(found.link).toString(), relative(found.link, path))
  }
}

function weaknessInProfile(fs: FileSystem, profile: string, directory: string): Weakness | undefined {
  const { uid, mode } = fs.lstatSync(directory)
  const within = relative(realName(fs, profile), realName(fs, directory))
  if (isAbsolute(within) || /^\.\.(?:[/\\]|$)/.test(within))
    return { path: directory, kind: 'profile', uid, mode }
  const link = pathsDownTo(directory).find((path) => fs.lstatSync(path).isSymbolicLink())
  return link === undefined ? undefined : { path: link, kind: 'link', uid, mode }
}

/** The native call returns the names as they are on the disk, because TEMP may hold short ones: C:\Users\RUNNER~1. */
function realName(fs: FileSystem, path: string): string {
  try {
    return nodeFs.realpathSync.native(path)
  } catch {
    return fs.realpathSync(path).toString() // a volume without names for its handles, a RAM disk
  }
}

function walk(fs: FileSystem, path: string): Weakness | { readonly link: string } | undefined {
  let above: DiskStats | undefined
  for (const at of pathsDownTo(path)) {
    const stats = fs.lstatSync(at)
    const link = stats.isSymbolicLink()
    const weakness = weaknessOf(at, stats, above)
    above = stats
    if (weakness !== undefined) return weakness
    if (link) return { link: at }
  }
  return undefined
}

/** A link's mode means nothing, and where its directory has no sticky bit the walk has ended before. */
function weaknessOf(path: string, stats: DiskStats, above: DiskStats | undefined): Weakness | undefined {
  const { uid, mode } = stats
  const othersPut = above !== undefined && (above.mode & WRITABLE_BY_OTHERS) !== 0
  if (!isOwnedByUsOrRoot(stats) && (othersPut || !canBeHiddenRoot(uid)))
    return { path, kind: 'owner', uid, mode }
  if (stats.isSymbolicLink() || (mode & WRITABLE_BY_OTHERS) === 0 || (mode & STICKY) !== 0) return undefined
  return { path, kind: 'mode', uid, mode }
}
