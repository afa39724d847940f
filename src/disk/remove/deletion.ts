// Deletes a tree, as one sequence of steps that three drivers carry out (remove.ts). Guarantee: never through a symlink,
// never across a mount point or into another device; a failing entry never stops the rest, and each is reported.
//
// 1. A directory is examined (approach.ts); one that others can write is opened and used by descriptor.
// 2. Its files are unlinked as they are read ("empty"), its subdirectories noted.
// 3. Each of these is emptied in its turn, depth first, on an explicit stack (depth costs no recursion).
// 4. `rmdir`; if it is not empty, another process still writes: it is read again, a few times.
// Memory: the names of the subdirectories on the way down, never the files'. System calls: one lstat, one readdir
// and one rmdir a directory, one unlink a file.

import { errnoOf, TempFileError } from '../../errors.ts'
import type { Directory, OpenDirectories } from '../open-directories.ts'
import { isSameFile, joinPath } from '../paths.ts'
import { approach } from './approach.ts'
import { contentAddress, type Frame, frameOf, nameAddress, type Tree } from './frame.ts'
import {
  fail,
  hoist,
  holdsMount,
  isPermissionError,
  keepMount,
  openUp,
  openUpBoth,
  type Step,
  unlink,
} from './obstacles.ts'
import type { Answer, Emptied, Operation, RemoveReport } from './operation.ts'

export type Deletion = Generator<Operation, void, Answer>

/** Rules for the entries of the top directory itself. */
export interface TopRules {
  /**
   * Each subdirectory gets a fresh name before anything in it is deleted: a process that still renames one out gets
   * it whole or not at all.
   */
  readonly setAside?: boolean | undefined
  /** Subdirectories that stay, and the top with them. */
  readonly keep?: readonly string[] | undefined
  /**
   * Others can write in the directory that holds the top: that one, too, is used by descriptor. Device and inode: it
   * must still be this one.
   */
  readonly foreign?: boolean | { readonly dev: number; readonly ino: number } | undefined
}

/** The tree to delete, and the rules of its deletion. */
export interface Start {
  /** An absolute path without a trailing slash. */
  readonly top: string
  /** The directory that holds the top and its name there, for {@link TopRules.foreign}. */
  readonly directory: string
  readonly name: string
  readonly mountPoints: readonly string[]
  /** There is no mount table. */
  readonly blind: boolean
  readonly report: RemoveReport
  readonly open: OpenDirectories
}

/** How often a directory is read again because it was not empty at its rmdir. */
const MAX_READINGS = 8

/** The steps that delete a tree or a file. */
export function* deletion(start: Start, rules: TopRules = {}): Deletion {
  const { top, blind, report, open } = start
  const tree: Tree = { top, mounts: new Set(start.mountPoints), blind, report, open, device: undefined }
  if (tree.mounts.has(top)) return keepMount(tree, top)
  let first: Frame
  try {
    first = frameOf(start.name, undefined, top, openHolder(start, rules))
  } catch (error) {
    return fail(tree, top, error)
  }
  yield* removeFrom(tree, first, rules)
}

/** Removes a directory or file and everything in it, depth first. */
function* removeFrom(tree: Tree, first: Frame, rules: TopRules): Deletion {
  const stack = [first]
  for (let frame = stack.at(-1); frame !== undefined; frame = stack.at(-1)) {
    if (frame.state === 'new' || frame.state === 'unread') yield* empty(tree, frame)
    const name = frame.directories.pop()
    if (name !== undefined) {
      const child = frameOf(name, frame, joinPath(frame.path, name))
      if (frame !== first || (yield* mayEnter(tree, child, rules))) stack.push(child)
      continue
    }
    if (frame.state === 'read') yield* finish(tree, frame)
    if (frame.state === 'gone') stack.pop()
  }
}

/** Applies the rules for a subdirectory of the top: false if it stays, or was just renamed out of the tree. */
function* mayEnter(
  tree: Tree,
  child: Frame,
  { keep = [], setAside: renames = false }: TopRules,
): Step<boolean> {
  if (keep.includes(child.name.toString())) {
    if (child.parent !== undefined) child.parent.stays = true
    return false
  }
  return renames ? yield* setAside(tree, child) : true
}

function openHolder({ open, directory }: Start, { foreign = false }: TopRules): Directory | undefined {
  if (foreign === false) return undefined
  const holder = open.open(directory, true)
  if (foreign === true || isSameFile(holder.stats, foreign)) return holder
  throw new TempFileError('ERR_TEMP_IO', 'The directory that holds it was exchanged by another process.')
}

/** A name given by {@link setAside}: several deleters at once must not rename it in turns. */
const SET_ASIDE = /^\.x-[0-9a-f-]{36}$/

/** Gives a directory a fresh name; false when it was just renamed out of the tree. */
function* setAside(tree: Tree, frame: Frame): Step<boolean> {
  if (SET_ASIDE.test(frame.name.toString()) || frame.within !== undefined || holdsMount(tree, frame))
    return true
  const to = `${tree.top}/.x-${globalThis.crypto.randomUUID()}`
  try {
    yield { kind: 'rename', path: frame.path, to }
    frame.path = to
    return true
  } catch (error) {
    return errnoOf(error) !== 'ENOENT' // any other failure occurs again, and is reported, when it is deleted
  }
}

/** Unlinks the files of a directory; leaves its subdirectories in the frame. */
function* empty(tree: Tree, frame: Frame): Step<void> {
  let again = true
  while (again) {
    again = false
    let found: Emptied
    try {
      if (frame.state === 'new' && !(yield* approach(tree, frame))) return
      frame.state = 'unread'
      const { path: label, asBytes, size } = frame
      const path = contentAddress(tree, frame)
      frame.size = undefined
      // A driver answers 'empty' with Emptied; the generator's type cannot tie the answer to the question.
      found = (yield { kind: 'empty', path, label, asBytes, mounts: tree.mounts, size }) as Emptied
    } catch (error) {
      again = yield* unreadable(tree, frame, error)
      continue
    }
    again = yield* settleFiles(tree, frame, found)
  }
}

/** Notes what is left of a directory; true if it must be read again. */
function* settleFiles(tree: Tree, frame: Frame, found: Emptied): Step<boolean> {
  frame.directories = found.directories
  for (const path of found.mountPoints) keepMount(tree, path)
  if (found.mountPoints.length > 0) frame.stays = true
  const failures: Emptied['failures'] = []
  let again = false
  for (const failure of found.failures) {
    if (errnoOf(failure.error) === 'EISDIR') frame.directories.push(failure.name)
    else if (yield* isCured(tree, frame, failure.error)) again = true
    else failures.push(failure)
  }
  // A name that is not valid UTF-8 cannot be passed back as a string: it would name nothing, or another file.
  if (!again && found.undecoded && !frame.asBytes) again = frame.asBytes = true
  if (again) return true
  for (const { name, error } of failures) fail(tree, joinPath(frame.path, name), error, frame)
  frame.state = 'read'
  frame.readings++
  return false
}

/** Removes what prevented an unlink, where that can be done. */
function* isCured(tree: Tree, frame: Frame, error: unknown): Step<boolean> {
  const errno = errnoOf(error)
  if (isPermissionError(errno)) return yield* openUp(tree, frame)
  return errno === 'ENAMETOOLONG' && (yield* hoist(tree, frame))
}

/** A directory that could not be examined or read: true to try again; otherwise it is settled. */
function* unreadable(tree: Tree, frame: Frame, error: unknown): Step<boolean> {
  const errno = errnoOf(error)
  if (isPermissionError(errno) && (yield* openUpBoth(tree, frame))) return true
  if (errno === 'ENAMETOOLONG' && frame.parent !== undefined && (yield* hoist(tree, frame.parent))) {
    frame.path = joinPath(frame.parent.path, frame.name)
    return true
  }
  frame.state = 'gone'
  // It was a directory when its parent was read; another process put something else in its place.
  if (errno === 'ENOTDIR' || errno === 'ELOOP') yield* unlink(tree, frame)
  else fail(tree, frame.path, error, frame.parent)
  return false
}

/** Removes the directory itself, once everything in it is done. */
function* finish(tree: Tree, frame: Frame): Step<void> {
  if (frame.stays) {
    leave(tree, frame)
    if (frame.parent !== undefined) frame.parent.stays = true
    return
  }
  try {
    yield { kind: 'rmdir', path: nameAddress(tree, frame) }
    tree.report.directories++
  } catch (error) {
    const errno = errnoOf(error)
    const notEmpty = errno === 'ENOTEMPTY' || errno === 'EEXIST'
    if (notEmpty && frame.readings < MAX_READINGS) {
      frame.state = 'unread'
      return
    }
    if (isPermissionError(errno) && frame.parent !== undefined && (yield* openUp(tree, frame.parent))) return
    fail(tree, frame.path, error, frame.parent)
  }
  leave(tree, frame)
}

function leave(tree: Tree, frame: Frame): void {
  frame.state = 'gone'
  if (frame.directory !== undefined) tree.open.release(frame.directory)
}
