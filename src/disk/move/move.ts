// Moves an entry to its permanent destination (persist). Guarantee: the commit is one synchronous rename or link; on any
// failure the source is intact and nothing is left beside the destination.
//
// 1. On one device, from a directory of this user: the source is placed as it is (place.ts).
// 2. Otherwise it moves in two steps, by a private directory beside the destination (staged-move.ts).

import { dirname, resolve } from 'node:path'
import { ioError, TempFileError } from '../../errors.ts'
import { platform } from '../../platform/index.ts'
import { close, closeSync } from '../descriptors.ts'
import type { DiskStats, FileSystem } from '../file-system.ts'
import { statsOf } from '../paths.ts'
import type { RemoveReport } from '../remove/remove.ts'
import { openDirectorySync, syncDescriptor, syncDescriptorSync, syncTree, syncTreeSync } from '../sync.ts'
import { type MadeParents, makeParents } from './parents.ts'
import { explain, placeOrCrossDevice, putBack } from './place.ts'
import { type Move, type MoveOptions, moveStaged } from './staged-move.ts'

/**
 * Moves `source` to `destination`, across devices too. Returns the report of removing the source where it was
 * copied: what that could not remove is still at the source, although the move succeeded.
 * @throws ERR_TEMP_EXISTS ERR_TEMP_IO ERR_TEMP_NO_SPACE
 */
export async function moveInto(
  fs: FileSystem,
  source: string,
  destination: string,
  options: MoveOptions,
): Promise<RemoveReport | undefined> {
  const move: Move = { fs, from: resolve(source), to: resolve(destination), options }
  return withParents(move, async () => {
    const stats = await statsOf(fs, move.from)
    if (options.foreign === undefined && (await placeHere(move, stats))) return undefined
    return await moveStaged(move, stats)
  })
}

/**
 * As {@link moveInto}, on one device only and from a directory of this user.
 * @throws ERR_TEMP_EXISTS ERR_TEMP_IO ERR_TEMP_NO_SPACE
 */
export function moveIntoSync(
  fs: FileSystem,
  source: string,
  destination: string,
  options: MoveOptions,
): void {
  const move: Move = { fs, from: resolve(source), to: resolve(destination), options }
  const { from, to } = move
  const parents = options.makeParents === true ? makeParents(fs, dirname(to)) : undefined
  try {
    const stats = fs.lstatSync(from)
    if (options.durable) {
      parents?.sync()
      syncTreeSync(fs, from)
    }
    const directories = options.durable ? openDirectories(move) : []
    try {
      if (!placeOrCrossDevice(fs, { from, to, label: to }, stats, options)) {
        throw new TempFileError(
          'ERR_TEMP_IO',
          'The destination is on another device, to which persistSync cannot move it. Use persist(), or a destination on the same device as baseDir.',
          { path: to },
        )
      }
      try {
        for (const fd of directories) syncDescriptorSync(fs, fd)
      } catch (error) {
        putBack(fs, to, from, stats) // not durable, so not done
        throw error
      }
    } finally {
      for (const fd of directories) closeSync(fs, fd)
    }
  } catch (error) {
    parents?.remove()
    throw ioError(error, 'move it to its destination', to)
  }
}

async function withParents<T>({ fs, to, options }: Move, work: () => Promise<T>): Promise<T> {
  let parents: MadeParents | undefined
  try {
    if (options.makeParents === true) parents = makeParents(fs, dirname(to))
    // Before the commit: a name in a directory that itself is lost in a power cut would be lost with it.
    if (options.durable) parents?.sync()
    return await work()
  } catch (error) {
    parents?.remove()
    throw ioError(error, 'move it to its destination', to)
  }
}

/** Moves within one device; false if the destination is on another one. */
async function placeHere(move: Move, stats: DiskStats): Promise<boolean> {
  const { fs, from, to, options } = move
  if (options.durable && !mayShareDevice(move)) return false // nothing is synced in vain
  if (options.durable) await syncTree(fs, from)
  // Opened before the commit, so that what can be refused is refused while nothing has happened.
  const directories = options.durable ? openDirectories(move) : []
  try {
    if (!placeOrCrossDevice(fs, { from, to, label: to }, stats, options)) return false
    try {
      for (const fd of directories) await syncDescriptor(fs, fd)
    } catch (error) {
      putBack(fs, to, from, stats) // not durable, so not done
      throw error
    }
    return true
  } finally {
    for (const fd of directories) await close(fs, fd)
  }
}

/** Directories of one device have one number; where they cannot be examined the rename decides. */
function mayShareDevice({ fs, from, to }: Move): boolean {
  try {
    return fs.statSync(dirname(from)).dev === fs.statSync(dirname(to)).dev
  } catch {
    return true
  }
}

/** Descriptors of the directories whose names change. */
function openDirectories({ fs, from, to }: Move): number[] {
  const opened: number[] = []
  if (!platform().syncsDirectories) return opened
  try {
    for (const path of [from, to]) opened.push(openDirectorySync(fs, dirname(path)))
    return opened
  } catch (error) {
    for (const fd of opened) closeSync(fs, fd)
    throw explain(fs, error, to)
  }
}
