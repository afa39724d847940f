// The first look at a directory to delete: is it one, on which device, and who can change it?
// Guarantee: what another user could exchange is opened with O_NOFOLLOW before anything in it is deleted, and
// where no mount table covers it, rmdir has answered ENOTEMPTY, which it never does at a mount point (EBUSY).

import { errnoOf } from '../../errors.ts'
import type { DiskStats } from '../file-system.ts'
import type { Directory } from '../open-directories.ts'
import { type Frame, nameAddress, type Tree } from './frame.ts'
import { keepMount, type Step, unlink } from './obstacles.ts'

/** True when the directory is to be emptied; otherwise it is settled. Throws the system's error. */
export function* approach(tree: Tree, frame: Frame): Step<boolean> {
  if (frame.within === undefined) {
    // A driver answers 'look' with the stats; the generator's type cannot tie the answer to the question.
    const stats = (yield { kind: 'look', path: frame.path }) as DiskStats
    if (!stats.isDirectory()) {
      frame.state = 'gone'
      yield* unlink(tree, frame)
      return false
    }
    if (!isOnDevice(tree, stats)) return keepOut(tree, frame)
    frame.size = stats.size
    const shared = tree.open.isShared(stats)
    if (!shared && !tree.blind) return true
    if (yield* isRemovedOrMount(tree, frame)) return false
    if (!shared) return true
  } else if (yield* isRemovedOrMount(tree, frame)) return false
  const directory = openFrame(tree, frame)
  if (!isOnDevice(tree, directory.stats)) {
    tree.open.release(directory)
    return keepOut(tree, frame)
  }
  frame.directory = directory
  frame.size = directory.stats.size
  return true
}

function openFrame(tree: Tree, frame: Frame): Directory {
  return frame.within === undefined ? tree.open.open(frame.path) : tree.open.enter(frame.within, frame.name)
}

function isOnDevice(tree: Tree, stats: DiskStats): boolean {
  tree.device ??= stats.dev
  return stats.dev === tree.device
}

function keepOut(tree: Tree, frame: Frame): false {
  frame.state = 'gone'
  keepMount(tree, frame.path.toString())
  if (frame.parent !== undefined) frame.parent.stays = true
  return false
}

/** Tries rmdir: true if the directory was empty and was removed, or is a mount point and stays. */
function* isRemovedOrMount(tree: Tree, frame: Frame): Step<boolean> {
  try {
    yield { kind: 'rmdir', path: nameAddress(tree, frame) }
  } catch (error) {
    const errno = errnoOf(error)
    if (errno === 'ENOTEMPTY' || errno === 'EEXIST') return false
    if (errno !== 'EBUSY') throw error
    keepOut(tree, frame)
    return true
  }
  tree.report.directories++
  frame.state = 'gone'
  return true
}
