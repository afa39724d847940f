// The root directory and its rooms: made once, checked at every opening and before every sweep. Guarantee: a root or room
// that another user could have planted, replaced or written to, and a link, is refused before anything below it is read,
// renamed or deleted; one of this user that is merely too open gets mode 0700, with a warning.

import { basename, dirname } from 'node:path'
import { findWeakness, type Weakness } from '../disk/base-safety.ts'
import type { DiskStats, FileSystem } from '../disk/file-system.ts'
import { findSync } from '../disk/paths.ts'
import { syncDirectory } from '../disk/sync.ts'
import { errnoOf, ioError, TempFileError } from '../errors.ts'
import { CREATED_LATER, inside, newName, ROOMS, type Root, uniqueText } from '../layout.ts'
import { warn } from '../runtime/observe.ts'

const OTHERS = 0o077

function unsafe(what: string, path: string): TempFileError {
  return new TempFileError('ERR_TEMP_UNSAFE_ROOT', what, { path })
}

/** Makes what is missing of the root, and checks the rest. @throws ERR_TEMP_UNSAFE_ROOT, ERR_TEMP_IO, ERR_TEMP_NO_SPACE */
export function openRoot(root: Root): void {
  const { fs, layout } = root
  try {
    checkBase(fs, dirname(layout.root))
    openDirectory(fs, layout.root)
    openDirectory(fs, layout.sessions)
    openDirectory(fs, layout.handoffs)
    for (const room of CREATED_LATER)
      if (mendIfThere(fs, layout[room]) && room === 'uploads' && isSplit(root)) throw splitError(root)
    durable.delete(layout.root) // this process or another may have made it since
  } catch (error) {
    throw ioError(error, 'open the root directory for temporary files', layout.root)
  }
}

/** Roots that this process has made durable. */
const durable = new Set<string>()

/** Makes the root's own names durable, once after each opening: before something in it is promised to last. Throws the system's error. */
export async function makeRootDurable({ fs, layout }: Root): Promise<void> {
  if (durable.has(layout.root)) return
  await syncDirectory(fs, layout.root)
  await syncDirectory(fs, dirname(layout.root))
  durable.add(layout.root)
}

/** Creates or checks a directory of the root; true when it was created here. @throws ERR_TEMP_UNSAFE_ROOT, and the system's error */
export function openRoom({ fs, layout }: Root, room: (typeof CREATED_LATER)[number]): boolean {
  return openDirectory(fs, layout[room])
}

/** Creates what a cleaner of empty directories has removed: a directory of the root, or a session's claims/. @throws as {@link openRoot} */
export function reopenRoot(root: Root, claims: string): void {
  openRoot(root)
  openDirectory(root.fs, claims)
}

/** Whether a directory of the root exists, without making it. @throws ERR_TEMP_UNSAFE_ROOT, and the system's error */
export function checkRoom({ fs, layout }: Root, room: (typeof CREATED_LATER)[number]): boolean {
  return checkIfThere(fs, layout[room])
}

/**
 * Whether there is a root, without making anything. `purpose`: 'look' changes nothing; 'change' also sets the mode of what is
 * too open, so that no other user can exchange a room after this check.
 * @throws ERR_TEMP_UNSAFE_ROOT, ERR_TEMP_IO
 */
export function checkRoot({ fs, layout }: Root, purpose: 'look' | 'change' = 'look'): boolean {
  const check = purpose === 'change' ? mendIfThere : checkIfThere
  try {
    if (!check(fs, layout.root)) return false
    requireSafe(fs, dirname(layout.root))
    for (const room of ROOMS) check(fs, layout[room])
    return true
  } catch (error) {
    throw ioError(error, 'open the root directory for temporary files', layout.root)
  }
}

/** False where nothing exists. @throws ERR_TEMP_UNSAFE_ROOT, and the system's error */
function checkIfThere(fs: FileSystem, path: string): boolean {
  const stats = findSync(fs, path)
  if (stats !== undefined) checkOwned(stats, path)
  return stats !== undefined
}

/** As {@link checkIfThere}, and sets its mode. */
function mendIfThere(fs: FileSystem, path: string): boolean {
  const stats = findSync(fs, path)
  if (stats !== undefined) mend(fs, path, stats)
  return stats !== undefined
}

function checkBase(fs: FileSystem, base: string): void {
  let stats: DiskStats
  try {
    stats = fs.statSync(base)
  } catch (error) {
    if (errnoOf(error) !== 'ENOENT') throw error
    makeBase(fs, base)
    stats = fs.statSync(base)
  }
  if (!stats.isDirectory()) throw unsafe('The base directory is not a directory. Set baseDir to one.', base)
  requireSafe(fs, base)
}

/** @throws ERR_TEMP_UNSAFE_ROOT */
function requireSafe(fs: FileSystem, base: string): void {
  const weakness = findWeakness(fs, base)
  if (weakness !== undefined) throw unsafe(WEAKNESSES[weakness.kind], weakness.path)
}

const POSIX_ADVICE =
  'Set baseDir to a directory that this user or root owns, up to /, and that nobody else can write; or run chmod go-w, or chmod +t, on the path of this error.'
const WINDOWS_ADVICE = "Set baseDir to a directory in this user's profile, such as os.tmpdir()."

/** The problem of a base directory and its solution, without paths. */
const WEAKNESSES: Readonly<Record<Weakness['kind'], string>> = {
  owner: `The base directory, or a directory above it, belongs to another user, who could replace the files in it. ${POSIX_ADVICE}`,
  mode: `Other users may rename files in the base directory or in a directory above it: its group or everybody can write it, and it has no sticky bit. ${POSIX_ADVICE}`,
  profile: `The base directory is outside this user's profile, so other users may be able to replace the files in it. ${WINDOWS_ADVICE}`,
  link: `A junction or a symbolic link is on the path of the base directory, so others may be able to replace the files in it. ${WINDOWS_ADVICE}`,
}

/** Level by level: under a umask that strips owner bits nothing could be made in the level above. */
function makeBase(fs: FileSystem, path: string): void {
  for (;;) {
    try {
      fs.mkdirSync(path, { mode: 0o700 })
      fs.chmodSync(path, 0o700)
      return
    } catch (error) {
      if (errnoOf(error) === 'EEXIST') return
      if (errnoOf(error) !== 'ENOENT' || dirname(path) === path) throw error
      makeBase(fs, dirname(path))
    }
  }
}

/** Creates or checks one directory of the root; true when it was created here. It mostly exists, so it is looked at first. */
function openDirectory(fs: FileSystem, path: string): boolean {
  const there = findSync(fs, path)
  const made = there === undefined && isCreated(fs, path)
  mend(fs, path, there ?? fs.lstatSync(path), !made)
  return made
}

/** Checks the owner and sets the mode: umask 0777 makes mode 000; Kubernetes' fsGroup adds group bits. */
function mend(fs: FileSystem, path: string, stats: DiskStats, warns = true): void {
  checkOwned(stats, path)
  if (process.getuid === undefined || (stats.mode & 0o777) === 0o700) return
  fs.chmodSync(path, 0o700)
  if (warns && (stats.mode & OTHERS) !== 0)
    warn('A directory for temporary files was open to other users; its mode is now 0700.', path)
}

/** Creates a directory; false if another process was first. */
function isCreated(fs: FileSystem, path: string): boolean {
  try {
    fs.mkdirSync(path, { mode: 0o700 })
    return true
  } catch (error) {
    if (errnoOf(error) === 'EEXIST') return false
    throw error
  }
}

function checkOwned(stats: DiskStats, path: string): void {
  const problem = problemOf(stats)
  if (problem === undefined) return
  const room = ROOMS.find((name) => name === basename(path)) // the root's own name ends in the user's id
  const what = room === undefined ? 'The root directory' : `The directory ${room}/ of the root`
  throw unsafe(`${what} ${problem}. Remove it, or set another name or baseDir.`, path)
}

function problemOf(stats: DiskStats): string | undefined {
  if (stats.isSymbolicLink()) return 'is a symbolic link'
  if (!stats.isDirectory()) return 'is not a directory'
  const uid = process.geteuid?.()
  return uid === undefined || stats.uid === uid ? undefined : 'belongs to another user'
}

/**
 * Whether a mount separates uploads/ from sessions/; creating a session finds out the same of handoffs/. Renames what does
 * not exist: Linux compares the mounts first. A bind mount of the same file system has the same device.
 */
function isSplit({ fs, layout }: Root): boolean {
  const name = newName(uniqueText(13))
  try {
    fs.renameSync(inside(layout.sessions, name), inside(layout.uploads, name))
  } catch (error) {
    return errnoOf(error) === 'EXDEV'
  }
  return false
}

/** The error for a root in which a rename crosses a mount. */
export function splitError({ layout }: Root): TempFileError {
  return unsafe(
    'The root directory is split by a mount, so files cannot be renamed inside it. Mount the volume over the whole root or baseDir.',
    layout.root,
  )
}
