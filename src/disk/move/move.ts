// How an entry moves to its permanent destination (persist). Guarantee: the commit is one synchronous rename or link;
// on any failure the source is intact and nothing is left beside the destination.
//
// 1. On one device, from a directory of this user: the source is placed as it is (place.ts).
// 2. Otherwise it is copied (another device) or renamed (adopted in place) into a private directory beside the
//    destination, compared with what was asked for, and placed from there.

import { basename, dirname, resolve } from 'node:path'
import { errnoOf, ioError, TempFileError } from '../../errors.ts'
import { platform } from '../../platform/index.ts'
import { close, closeSync } from '../descriptors.ts'
import type { DiskStats, FileSystem } from '../file-system.ts'
import { readMounts } from '../mounts.ts'
import { type Directory, OpenDirectories } from '../open-directories.ts'
import { existsAt, isSameFile, statsOf } from '../paths.ts'
import { type RemoveReport, removeTree } from '../remove/remove.ts'
import { openDirectorySync, syncDescriptor, syncDescriptorSync, syncTree, syncTreeSync } from '../sync.ts'
import { addressOf, type CopyTools, copyAcross, exchangedError, type Spot } from './copy.ts'
import { type MadeParents, makeParents } from './parents.ts'
import { explain, type PlaceOptions, placeOrCrossDevice, putBack } from './place.ts'
import { type Journal, NO_JOURNAL, Staging } from './staging.ts'

/** How {@link moveInto} moves. */
export interface MoveOptions extends PlaceOptions {
  /** Sync the data before and the names after. */
  readonly durable: boolean
  /** Create the missing directories above the destination. */
  readonly makeParents?: boolean | undefined
  /** Others may write where the source is: it was adopted in place. */
  readonly foreign?: boolean | undefined
  readonly journal?: Journal | undefined
  /**
   * Removes a source that was copied, in place of deleting it where it is: a claim's data may be given back while
   * half of it is deleted, so its claim must be completed first. Its failure is in the report.
   */
  readonly retire?: (() => Promise<void>) | undefined
}

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
    if (options.foreign !== true && (await placeHere(move, stats))) return undefined
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

interface Move {
  readonly fs: FileSystem
  readonly from: string
  readonly to: string
  readonly options: MoveOptions
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

/** What a staged move works with. */
interface StagedMove extends Move {
  readonly tools: CopyTools
  readonly source: Spot
  readonly target: Spot
}

async function moveStaged(move: Move, stats: DiskStats): Promise<RemoveReport | undefined> {
  const { fs, from, to, options } = move
  const open = new OpenDirectories(fs)
  try {
    refuseMounts(from, stats)
    const source = { directory: openHolder(fs, open, from), name: basename(from) }
    const target = { directory: openHolder(fs, open, to), name: basename(to) }
    const staged = { ...move, tools: { fs, open, durable: options.durable }, source, target }
    const { journal = NO_JOURNAL } = options
    const staging = await Staging.make(staged.tools, target.directory, journal)
    let renamed: boolean
    try {
      renamed = renameIntoStaging(staged, staging.spot)
      if (!renamed) {
        staging.identify()
        await copyAcross(staged.tools, source, staging.spot)
      }
      await commit(staged, staging.spot, stats, renamed)
    } finally {
      await staging.remove()
    }
    if (renamed) return undefined
    return await retireSource(staged)
  } finally {
    open.close()
  }
}

/** After the commit nothing may fail the move: the data is at its destination, and perhaps only there. */
async function retireSource({ fs, tools, source, from, options }: StagedMove): Promise<RemoveReport> {
  try {
    await options.retire?.()
    return await removeTree(fs, addressOf(tools, source).toString(), { foreign: true })
  } catch (error) {
    return { files: 0, directories: 0, bytes: 0, kept: [], errors: [{ path: from, error }] }
  }
}

function openHolder(fs: FileSystem, open: OpenDirectories, path: string): Directory {
  try {
    return open.open(dirname(path), true)
  } catch (error) {
    throw explain(fs, error, path)
  }
}

/** Brings the data into the staging directory by a rename; false if it must be copied. */
function renameIntoStaging({ fs, tools, source, options }: StagedMove, into: Spot): boolean {
  if (options.foreign !== true) return false
  try {
    fs.renameSync(addressOf(tools, source), addressOf(tools, into))
    return true
  } catch (error) {
    if (errnoOf(error) !== 'EXDEV') throw error
    return false
  }
}

/** Gives the data its final name; puts it back where that fails. */
async function commit(move: StagedMove, from: Spot, stats: DiskStats, renamed: boolean): Promise<void> {
  const { fs, tools, target, to, options } = move
  const [here, there] = [addressOf(tools, from).toString(), addressOf(tools, target).toString()]
  let at = here
  try {
    const found = await statsOf(fs, here)
    if (renamed && !isSameFile(found, stats)) throw exchangedError()
    if (renamed && options.durable) await syncTree(fs, here)
    if (!placeOrCrossDevice(fs, { from: here, to: there, label: to }, found, options)) {
      throw new TempFileError('ERR_TEMP_IO', 'The destination is a mount point. Choose a name inside it.', {
        path: to,
      })
    }
    at = there
    const fd = tools.open.descriptorOf(target.directory)
    if (options.durable && fd !== undefined) await syncDescriptor(fs, fd)
  } catch (error) {
    if (renamed) putSourceBack(move, at)
    else if (at === there) await removeTree(fs, there, { foreign: true })
    throw error
  }
}

/** Unless something else took its name meanwhile: then it stays where it is. */
function putSourceBack({ fs, tools, source }: StagedMove, at: string): void {
  const home = addressOf(tools, source)
  if (!existsAt(fs, home)) fs.renameSync(at, home)
}

function refuseMounts(path: string, stats: DiskStats): void {
  if (!stats.isDirectory() || readMounts().below(path).length === 0) return
  throw new TempFileError(
    'ERR_TEMP_IO',
    'The directory is or holds a mount point, which cannot be moved. Unmount it first.',
    { path },
  )
}
