// How an entry changes its place for good: out to a destination (persist), in from elsewhere (adopt). Promise:
// the commit is one synchronous rename or link; on any failure the source is intact and nothing is left beside it.

import { dirname, resolve } from 'node:path'
import { errnoOf, ioError, TempFileError } from '../../errors.ts'
import { close } from '../descriptors.ts'
import type { DiskStats, FileSystem } from '../file-system.ts'
import { readMounts } from '../mounts.ts'
import { statsOf } from '../paths.ts'
import { type RemoveReport, removeTree } from '../remove/remove.ts'
import { openDirectory, syncDescriptor, syncTree } from '../sync.ts'
import { copyAcross } from './copy.ts'
import { explain, type PlaceOptions, placeOrCrossDevice, putBack } from './place.ts'

/** How {@link moveInto} moves. */
export interface MoveOptions extends PlaceOptions {
  /** Sync the data before and the names after. */
  readonly durable: boolean
  /**
   * Removes a source that was copied, in place of deleting it where it stands: a claim's data may be given back
   * while half of it is deleted, so its claim must be completed first.
   */
  readonly retire?: (() => Promise<void>) | undefined
}

/**
 * Moves `source` to `destination`, across devices too (copied beside it, synced, renamed). Returns the report of
 * removing the source where it was copied: what that could not remove is still at the source, the move stands.
 * @throws ERR_TEMP_EXISTS ERR_TEMP_IO ERR_TEMP_NO_SPACE
 */
export async function moveInto(
  fs: FileSystem,
  source: string,
  destination: string,
  options: MoveOptions,
): Promise<RemoveReport | undefined> {
  const from = resolve(source)
  const to = resolve(destination)
  let directories: number[] = []
  try {
    const stats = await statsOf(fs, from)
    if (options.durable) {
      await syncTree(fs, from)
      // Opened before the commit, so that what can be refused is refused while nothing has happened.
      directories = await openDirectories(fs, from, to)
    }
    const copied = !placeOrCrossDevice(fs, from, to, stats, options)
    if (copied) await copyInto(fs, from, to, stats, options)
    try {
      for (const directory of directories) await syncDescriptor(fs, directory)
    } catch (error) {
      // Not promised, so not done: back to where it was.
      if (copied) await removeTree(fs, to)
      else putBack(fs, to, from, stats)
      throw error
    }
    if (!copied) return undefined
    await options.retire?.()
    return await removeTree(fs, from)
  } catch (error) {
    throw ioError(error, 'move it to its destination', to)
  } finally {
    for (const directory of directories) await close(fs, directory)
  }
}

/** The directories whose names change. */
async function openDirectories(fs: FileSystem, from: string, to: string): Promise<number[]> {
  const opened: number[] = []
  // Windows opens no directories; NTFS journals its names.
  if (process.platform === 'win32') return opened
  try {
    for (const path of [from, to]) opened.push(await openDirectory(fs, dirname(path)))
    return opened
  } catch (error) {
    for (const directory of opened) await close(fs, directory)
    throw explain(fs, error, to)
  }
}

/**
 * Moves a foreign file or directory to `destination`, a free name in our own session. A symlink is refused: it
 * would dangle or point into what others own; adopt what it points at. Returns as {@link moveInto} does.
 * @throws ERR_TEMP_IO ERR_TEMP_NO_SPACE
 */
export async function moveIn(
  fs: FileSystem,
  source: string,
  destination: string,
): Promise<RemoveReport | undefined> {
  const from = resolve(source)
  try {
    const stats = await statsOf(fs, from)
    checkAdoptable(from, stats)
    try {
      fs.renameSync(from, destination)
      return undefined
    } catch (error) {
      if (errnoOf(error) !== 'EXDEV') throw error
    }
    return await copyIn(fs, from, destination, stats)
  } catch (error) {
    throw ioError(error, 'take the file or directory in', from)
  }
}

function checkAdoptable(path: string, stats: DiskStats): void {
  if (!stats.isFile() && !stats.isDirectory()) {
    throw new TempFileError(
      'ERR_TEMP_IO',
      'Only a file or a directory can be adopted, not a symlink or a special file. Give the path that the link points at.',
      { path },
    )
  }
  if (stats.isDirectory() && readMounts().below(path).length > 0) {
    throw new TempFileError('ERR_TEMP_IO', 'The directory is or holds a mount point. Unmount it first.', {
      path,
    })
  }
}

async function copyIn(
  fs: FileSystem,
  from: string,
  to: string,
  stats: DiskStats,
): Promise<RemoveReport | undefined> {
  let condemned = from
  try {
    await copyAcross(fs, from, to)
    if (stats.isDirectory()) {
      // The commit: half of the source must never stand under its own name, and if it may not be removed at
      // all, this is what says so.
      condemned = await freeNameBeside(from)
      fs.renameSync(from, condemned)
    } else {
      fs.unlinkSync(from)
    }
  } catch (error) {
    await removeTree(fs, to)
    throw error
  }
  return stats.isDirectory() ? await removeTree(fs, condemned) : undefined
}

async function copyInto(
  fs: FileSystem,
  from: string,
  to: string,
  stats: DiskStats,
  options: MoveOptions,
): Promise<void> {
  const sibling = await freeNameBeside(to)
  try {
    await copyAcross(fs, from, sibling)
    if (options.durable) await syncTree(fs, sibling)
    if (!placeOrCrossDevice(fs, sibling, to, stats, options)) {
      throw new TempFileError('ERR_TEMP_IO', 'The destination is a mount point. Choose a name inside it.', {
        path: to,
      })
    }
  } catch (error) {
    await removeTree(fs, sibling)
    throw error
  }
}

/** An unguessable free name in the directory of `path`, where others may write too. */
async function freeNameBeside(path: string): Promise<string> {
  const { default: tmp } = await import('tmp')
  return new Promise((fulfil, reject) => {
    tmp.tmpName({ tmpdir: dirname(path), prefix: '.tmp' }, (error, name) =>
      error ? reject(error) : fulfil(name),
    )
  })
}
