// How a tree is deleted, as one sequence of steps that three drivers carry out (remove.ts). Promise: never
// through a symlink, never across a mount point; one failing entry never stops the rest, and each is told.
//
// 1. A directory's files are unlinked as they are read ("empty"), its subdirectories put aside.
// 2. Each of these is emptied in its turn, depth first, on a stack of our own (depth costs no recursion).
// 3. `rmdir`; not empty means somebody is still writing: read again, a few times.
// Memory: the names of the subdirectories on the way down, never the files'. System calls: one readdir and one
// rmdir a directory, one unlink a file.

import { errnoOf } from '../../errors.ts'
import type { DiskPath } from '../file-system.ts'
import {
  type Answer,
  type Emptied,
  joinPath,
  type Look,
  type Operation,
  type RemoveReport,
} from './operation.ts'

export type Deletion = Generator<Operation, void, Answer>
type Step<T> = Generator<Operation, T, Answer>

/** What holds for the entries of the top directory itself. */
export interface TopRules {
  /**
   * Each subdirectory gets a fresh name before anything of it goes: somebody who still renames one out gets it
   * whole or not at all.
   */
  readonly setAside?: boolean | undefined
  /** A subdirectory that stays, and the top with it. */
  readonly spare?: string | undefined
}

/** How often a directory is read again because it was not empty at its rmdir. */
const MAX_READINGS = 8

interface Frame {
  readonly name: string | Buffer
  readonly parent: Frame | undefined
  path: DiskPath
  state: 'unread' | 'read' | 'gone'
  readings: number
  directories: (string | Buffer)[]
  asBytes: boolean
  openedUp: boolean
  hoisted: boolean
  /** Something below stays, so the directory must. */
  stays: boolean
  /** `st_size`, as long as nobody has read the directory since. */
  size: number | undefined
}

/** The steps that delete `top` (an absolute path without a trailing slash). */
export function* deletion(
  top: string,
  mountPoints: readonly string[],
  report: RemoveReport,
  rules: TopRules = {},
): Deletion {
  const tree: Tree = { top, mounts: new Set(mountPoints), report }
  if (tree.mounts.has(top)) return keep(tree, top)
  let found: Look
  try {
    // A driver answers 'look' with a Look; the generator's type cannot tie the answer to the question.
    found = (yield { kind: 'look', path: top }) as Look
  } catch (error) {
    return fail(tree, top, error)
  }
  const first = frameOf(top, undefined, top)
  if (!found.directory) {
    yield* unlink(tree, first)
    return
  }
  first.size = found.size
  const stack = [first]
  for (let frame = stack.at(-1); frame !== undefined; frame = stack.at(-1)) {
    if (frame.state === 'unread') yield* empty(tree, frame)
    const name = frame.directories.pop()
    if (name !== undefined) {
      const child = frameOf(name, frame, joinPath(frame.path, name))
      if (frame === first && name === rules.spare) frame.stays = true
      else if (frame !== first || rules.setAside !== true || (yield* setAside(tree, child))) stack.push(child)
      continue
    }
    if (frame.state === 'read') yield* finish(tree, frame)
    if (frame.state === 'gone') stack.pop()
  }
}

interface Tree {
  readonly top: string
  readonly mounts: ReadonlySet<string>
  readonly report: RemoveReport
}

function frameOf(name: string | Buffer, parent: Frame | undefined, path: DiskPath): Frame {
  return {
    name,
    parent,
    path,
    state: 'unread',
    readings: 0,
    directories: [],
    asBytes: false,
    openedUp: false,
    hoisted: false,
    stays: false,
    size: undefined,
  }
}

/** A name given by {@link setAside}: another deleter has given it, and several at once must not take turns at it. */
const SET_ASIDE = /^\.x-[0-9a-f-]{36}$/

/** Gives a directory a fresh name; false when it has just been renamed out of the tree. */
function* setAside(tree: Tree, frame: Frame): Step<boolean> {
  if (SET_ASIDE.test(frame.name.toString()) || holdsMount(tree, frame)) return true
  const to = `${tree.top}/.x-${globalThis.crypto.randomUUID()}`
  try {
    yield { kind: 'rename', path: frame.path, to }
    frame.path = to
    return true
  } catch (error) {
    return errnoOf(error) !== 'ENOENT' // any other failure shows again, and is told, when it is deleted
  }
}

/** A mount at it or inside would move along with it, away from the path by which it is known and spared. */
function holdsMount(tree: Tree, frame: Frame): boolean {
  const inside = `${frame.path}/`
  for (const mount of tree.mounts) if (`${mount}/`.startsWith(inside)) return true
  return false
}

/** Unlinks what a directory holds; leaves its subdirectories in the frame. */
function* empty(tree: Tree, frame: Frame): Step<void> {
  let again = true
  while (again) {
    again = false
    let found: Emptied
    try {
      const { path, asBytes, size } = frame
      frame.size = undefined
      // As for 'look' above.
      found = (yield { kind: 'empty', path, asBytes, mounts: tree.mounts, size }) as Emptied
    } catch (error) {
      again = yield* unreadable(tree, frame, error)
      continue
    }
    frame.directories = found.directories
    for (const path of found.mountPoints) keep(tree, path)
    if (found.mountPoints.length > 0) frame.stays = true
    const failures: Emptied['failures'] = []
    for (const failure of found.failures) {
      const errno = errnoOf(failure.error)
      if (errno === 'EISDIR') frame.directories.push(failure.name)
      else if (isRefusal(errno) && (yield* openUp(frame))) again = true
      else if (errno === 'ENAMETOOLONG' && (yield* hoist(tree, frame))) again = true
      else failures.push(failure)
    }
    // A name that is no valid UTF-8 cannot be given back as a string: it would name nothing, or another file.
    if (!again && found.undecoded && !frame.asBytes) again = frame.asBytes = true
    if (again) continue
    for (const { name, error } of failures) fail(tree, joinPath(frame.path, name), error, frame)
    frame.state = 'read'
    frame.readings++
  }
}

/** A directory that could not be read: whether to try again; if not, it is settled. */
function* unreadable(tree: Tree, frame: Frame, error: unknown): Step<boolean> {
  const errno = errnoOf(error)
  if (isRefusal(errno) && (yield* openUpBoth(frame))) return true
  if (errno === 'ENAMETOOLONG' && frame.parent !== undefined && (yield* hoist(tree, frame.parent))) {
    frame.path = joinPath(frame.parent.path, frame.name)
    return true
  }
  frame.state = 'gone'
  // It was a directory when its parent was read; somebody put something else there.
  if (errno === 'ENOTDIR' || errno === 'ELOOP') yield* unlink(tree, frame)
  else fail(tree, frame.path, error, frame.parent)
  return false
}

/** The directory itself, once nothing of it is left to do. */
function* finish(tree: Tree, frame: Frame): Step<void> {
  if (frame.stays) {
    frame.state = 'gone'
    if (frame.parent !== undefined) frame.parent.stays = true
    return
  }
  try {
    yield { kind: 'rmdir', path: frame.path }
    tree.report.directories++
  } catch (error) {
    const errno = errnoOf(error)
    const notEmpty = errno === 'ENOTEMPTY' || errno === 'EEXIST'
    if (notEmpty && frame.readings < MAX_READINGS) {
      frame.state = 'unread'
      return
    }
    if (isRefusal(errno) && frame.parent !== undefined && (yield* openUp(frame.parent))) return
    fail(tree, frame.path, error, frame.parent)
  }
  frame.state = 'gone'
}

function* unlink(tree: Tree, frame: Frame): Step<void> {
  try {
    yield { kind: 'unlink', path: frame.path }
    tree.report.files++
  } catch (error) {
    fail(tree, frame.path, error, frame.parent)
  }
}

/** EACCES or EPERM in our own directory: its mode is the reason (a program made it 0500). Once a directory. */
function* openUp(frame: Frame): Step<boolean> {
  if (frame.openedUp) return false
  try {
    yield { kind: 'open up', path: frame.path }
    frame.openedUp = true
  } catch {
    // Not ours, or immutable: the error that led here is the one to report.
  }
  return frame.openedUp
}

/** As {@link openUp}; where the parent cannot be searched, it comes first. */
function* openUpBoth(frame: Frame): Step<boolean> {
  if (yield* openUp(frame)) return true
  if (frame.parent === undefined || !(yield* openUp(frame.parent))) return false
  yield* openUp(frame)
  return true
}

/**
 * A path over PATH_MAX (4,096 bytes on Linux) cannot be named: the directory moves up under the top, by a name
 * nobody can have guessed, and its entries are in reach again.
 */
function* hoist(tree: Tree, frame: Frame): Step<boolean> {
  if (frame.hoisted || frame.parent === undefined || holdsMount(tree, frame)) return false
  const to = `${tree.top}/.hoisted-${globalThis.crypto.randomUUID()}`
  const step = { kind: 'rename', path: frame.path, to } as const
  try {
    yield step
  } catch (error) {
    // Moving a directory rewrites its '..', so it must be writable itself.
    if (!isRefusal(errnoOf(error)) || !(yield* openUpBoth(frame))) return false
    try {
      yield step
    } catch {
      return false
    }
  }
  frame.path = to
  frame.hoisted = true
  return true
}

function keep(tree: Tree, path: string): void {
  if (tree.report.kept.some((kept) => kept.path === path)) return
  tree.report.kept.push({ path, reason: 'a mount point: another file system, or a bind mount, begins here' })
}

/** ENOENT is no failure: somebody else removed it, which is what was wanted. */
function fail(tree: Tree, path: DiskPath, error: unknown, parent?: Frame): void {
  if (errnoOf(error) === 'ENOENT') return
  if (parent !== undefined) parent.stays = true
  tree.report.errors.push({ path: path.toString(), error })
}

function isRefusal(errno: string | undefined): boolean {
  return errno === 'EACCES' || errno === 'EPERM'
}
