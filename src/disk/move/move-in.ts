// Moves a file or directory from elsewhere into a session (adopt, and handOff of an entry that was adopted in place).
// Guarantee: the entry that arrives is the one that was examined, or it is moved back; a source never stays half deleted
// under its own name.
// A symlink is refused: it would dangle, or point at files of another owner.

import { basename, dirname, resolve } from 'node:path'
import { errnoOf, ioError, TempFileError } from '../../errors.ts'
import type { DiskStats, FileSystem } from '../file-system.ts'
import { readMounts } from '../mounts.ts'
import { OpenDirectories } from '../open-directories.ts'
import { isSameFile, statsOf } from '../paths.ts'
import { type RemoveReport, removeTree } from '../remove/remove.ts'
import { addressOf, type CopyTools, copyAcross, exchangedError, requireHolder, type Spot } from './copy.ts'
import { removeSource } from './remove-source.ts'
import { freeName, type Identity, type Journal, outsideOf } from './staging.ts'

/** Options of {@link moveIn}. */
export interface MoveInOptions {
  readonly journal: Journal
  /** Leave a source that was copied where it is, for the caller to remove. */
  readonly keepCopied?: boolean | undefined
  /** What the caller has examined; nothing else is moved. */
  readonly examined?: DiskStats | undefined
  /** The directory in which the caller expects it. */
  readonly holder?: Identity | undefined
}

/** How the data arrived. */
export interface MovedIn {
  readonly copied: boolean
  /** The part of a copied source that could not be removed. */
  readonly left: RemoveReport | undefined
}

/**
 * Moves a foreign file or directory to `destination`, a free name in a directory that only this user can change.
 * @throws ERR_TEMP_IO ERR_TEMP_NO_SPACE
 */
export async function moveIn(
  fs: FileSystem,
  source: string,
  destination: string,
  options: MoveInOptions,
): Promise<MovedIn> {
  const from = resolve(source)
  const open = new OpenDirectories(fs)
  try {
    const tools: CopyTools = { fs, open, durable: false }
    const spot: Spot = { directory: open.open(dirname(from), true), name: basename(from) }
    requireHolder(spot, options.holder)
    const stats = options.examined ?? (await statsOf(fs, addressOf(tools, spot)))
    checkMovable(from, stats)
    if (renameHere(tools, spot, destination, stats)) return { copied: false, left: undefined }
    const into: Spot = { directory: open.open(dirname(destination), true), name: basename(destination) }
    return { copied: true, left: await copyIn({ tools, stats, options }, spot, into) }
  } catch (error) {
    throw ioError(error, 'move the file or directory into the session', from)
  } finally {
    open.close()
  }
}

/** False if it is on another device. */
function renameHere(tools: CopyTools, from: Spot, to: string, stats: DiskStats): boolean {
  try {
    renameExamined(tools, from, to, stats)
    return true
  } catch (error) {
    if (errnoOf(error) === 'EXDEV') return false
    throw error
  }
}

/** Renames `from`, and renames it back unless it is the entry that was examined. */
function renameExamined(tools: CopyTools, from: Spot, to: string, stats: DiskStats): void {
  const { fs } = tools
  const home = addressOf(tools, from)
  fs.renameSync(home, to)
  try {
    const found = fs.lstatSync(to)
    // The inode number of a file that was deleted is soon that of another.
    const isExamined = isSameFile(found, stats) && found.isDirectory() === stats.isDirectory()
    if (!isExamined) throw exchangedError()
  } catch (error) {
    fs.renameSync(to, home)
    throw error
  }
}

async function copyIn(
  { tools, stats, options }: { tools: CopyTools; stats: DiskStats; options: MoveInOptions },
  from: Spot,
  to: Spot,
): Promise<RemoveReport | undefined> {
  const { fs } = tools
  try {
    await copyAcross(tools, from, to)
    if (options.keepCopied === true) return undefined
    return await retire(tools, from, stats, options.journal)
  } catch (error) {
    await removeTree(fs, addressOf(tools, to).toString())
    throw error
  }
}

/**
 * Deletes a copied source. The rename is the commit: it fails where the source may not be removed, and what a
 * kill leaves under the new name is noted, for a sweep.
 */
async function retire(
  tools: CopyTools,
  from: Spot,
  stats: DiskStats,
  journal: Journal,
): Promise<RemoveReport> {
  const { open } = tools
  const name = await freeName(open, from.directory)
  const note = journal.note(outsideOf(tools, from.directory, name, stats), false)
  const condemned = { directory: from.directory, name }
  try {
    renameExamined(tools, from, addressOf(tools, condemned).toString(), stats)
  } catch (error) {
    note.forget()
    throw error
  }
  const report = await removeSource(tools, condemned)
  if (report.errors.length === 0 && report.kept.length === 0) note.forget()
  return report
}

function checkMovable(path: string, stats: DiskStats): void {
  if (!stats.isFile() && !stats.isDirectory()) {
    throw new TempFileError(
      'ERR_TEMP_IO',
      'Only a file or a directory can be adopted, not a symlink or a special file. Pass the path that the link points at.',
      { path },
    )
  }
  if (stats.isDirectory() && readMounts().below(path).length > 0) {
    throw new TempFileError('ERR_TEMP_IO', 'The directory is or holds a mount point. Unmount it first.', {
      path,
    })
  }
}
