// Handles the obstacles to a deletion: modes, paths that are too long, mounts.
// Guarantee: each measure is taken once a directory; what it cannot cure is reported.

import { errnoOf, isTempFileError } from '../../errors.ts'
import type { DiskPath } from '../file-system.ts'
import { type Frame, nameAddress, type Tree } from './frame.ts'
import type { Answer, Operation } from './operation.ts'

export type Step<T> = Generator<Operation, T, Answer>

export function* unlink(tree: Tree, frame: Frame): Step<void> {
  try {
    yield { kind: 'unlink', path: nameAddress(tree, frame) }
    tree.report.files++
  } catch (error) {
    fail(tree, frame.path, error, frame.parent)
  }
}

/** EACCES or EPERM in a directory of this user: its mode is the reason (a program made it 0500). Once a directory. */
export function* openUp(tree: Tree, frame: Frame): Step<boolean> {
  if (frame.openedUp) return false
  try {
    if (frame.within === undefined) yield { kind: 'open up', path: frame.path }
    else tree.open.openUp(frame.within, frame.name)
    frame.openedUp = true
  } catch {
    // Another user's, or immutable: the error that led here is the one to report.
  }
  return frame.openedUp
}

/** As {@link openUp}; where the parent cannot be searched, it comes first. */
export function* openUpBoth(tree: Tree, frame: Frame): Step<boolean> {
  if (yield* openUp(tree, frame)) return true
  if (frame.parent === undefined || !(yield* openUp(tree, frame.parent))) return false
  yield* openUp(tree, frame)
  return true
}

/**
 * A path over PATH_MAX (4,096 bytes on Linux) cannot be named: the directory moves up under the top, under a
 * name that cannot be guessed, and its entries can be named again.
 */
export function* hoist(tree: Tree, frame: Frame): Step<boolean> {
  const reachable = frame.parent === undefined || frame.within !== undefined || frame.directory !== undefined
  if (frame.hoisted || reachable || holdsMount(tree, frame)) return false
  const to = `${tree.top}/.hoisted-${globalThis.crypto.randomUUID()}`
  const step = { kind: 'rename', path: frame.path, to } as const
  try {
    yield step
  } catch (error) {
    // Moving a directory rewrites its '..', so it must be writable itself.
    if (!isPermissionError(errnoOf(error)) || !(yield* openUpBoth(tree, frame))) return false
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

/** A mount at it or inside would move along with it, away from the path by which it is known and kept. */
export function holdsMount(tree: Tree, frame: Frame): boolean {
  const inside = `${frame.path}/`
  for (const mount of tree.mounts) if (`${mount}/`.startsWith(inside)) return true
  return false
}

export function keepMount(tree: Tree, path: string): void {
  keep(tree, path, 'a mount point: another file system, or a bind mount, begins here')
}

function keep(tree: Tree, path: string, reason: string): void {
  if (tree.report.kept.some((kept) => kept.path === path)) return
  tree.report.kept.push({ path, reason })
}

/** Reports a failure. ENOENT is none: another process removed the entry, which was the aim. */
export function fail(tree: Tree, path: DiskPath, error: unknown, parent?: Frame): void {
  if (errnoOf(error) === 'ENOENT') return
  if (parent !== undefined) parent.stays = true
  if (isTempFileError(error)) keep(tree, path.toString(), error.message)
  else tree.report.errors.push({ path: path.toString(), error })
}

export function isPermissionError(errno: string | undefined): boolean {
  return errno === 'EACCES' || errno === 'EPERM'
}
