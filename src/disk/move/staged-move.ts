// A move in two steps: into a private directory beside the destination, and from there to its name. Guarantee: the commit is
// one synchronous rename or link; on any failure the source is intact, or back at its name, and nothing is left beside the
// destination.
//
// 1. The source is renamed into the directory where it was adopted in place, and copied from another device.
// 2. It is compared with what was asked for, and placed.
// 3. A source that was copied is removed.

import { basename, dirname } from 'node:path'
import { errnoOf, TempFileError } from '../../errors.ts'
import type { DiskStats, FileSystem } from '../file-system.ts'
import { readMounts } from '../mounts.ts'
import { type Directory, OpenDirectories } from '../open-directories.ts'
import { existsAt, isSameFile, statsOf } from '../paths.ts'
import { type RemoveReport, removeTree } from '../remove/remove.ts'
import { syncDescriptor, syncTree } from '../sync.ts'
import { addressOf, type CopyTools, copyAcross, exchangedError, requireHolder, type Spot } from './copy.ts'
import { explain, type PlaceOptions, placeOrCrossDevice } from './place.ts'
import { removeSource } from './remove-source.ts'
import { type Identity, type Journal, NO_JOURNAL, Staging } from './staging.ts'

/** How an entry moves. */
export interface MoveOptions extends PlaceOptions {
  /** Sync the data before and the names after. */
  readonly durable: boolean
  /** Create the missing directories above the destination. */
  readonly makeParents?: boolean | undefined
  /** Others may write where the source is: it was adopted in place, in this directory. */
  readonly foreign?: Identity | undefined
  readonly journal?: Journal | undefined
  /**
   * Removes a source that was copied, in place of deleting it where it is: a claim's data may be given back while
   * half of it is deleted, so its claim must be completed first. Its failure is in the report.
   */
  readonly retire?: (() => Promise<void>) | undefined
}

/** One move: both paths are absolute. */
export interface Move {
  readonly fs: FileSystem
  readonly from: string
  readonly to: string
  readonly options: MoveOptions
}

/** A move with its tools and its state. */
interface StagedMove extends Move {
  readonly tools: CopyTools
  readonly source: Spot
  readonly target: Spot
}

/** Moves in two steps; returns the report of removing the source where it was copied. */
export async function moveStaged(move: Move, stats: DiskStats): Promise<RemoveReport | undefined> {
  const { fs, from, to, options } = move
  const open = new OpenDirectories(fs)
  try {
    refuseMounts(from, stats)
    const source = { directory: openHolder(fs, open, from), name: basename(from) }
    requireHolder(source, options.foreign)
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
async function retireSource({ tools, source, from, options }: StagedMove): Promise<RemoveReport> {
  try {
    await options.retire?.()
    return await removeSource(tools, source)
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
  if (options.foreign === undefined) return false
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
