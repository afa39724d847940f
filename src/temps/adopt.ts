// Adoption: a file or directory from elsewhere becomes a temporary one. Guarantee: moved in, it is covered like any
// other; in place, it is only registered for its scope, close and exit, no sweep covers it, and it is removed only
// while the directory that holds it is still the same one.

import { userInfo } from 'node:os'
import { basename, dirname, join, sep } from 'node:path'
import type { DiskStats } from '../disk/file-system.ts'
import { exchangedError } from '../disk/move/copy.ts'
import { moveIn } from '../disk/move/move-in.ts'
import { ignoreMissing, isSameFile, statsOf } from '../disk/paths.ts'
import { removeTree, removeTreeSync } from '../disk/remove/remove.ts'
import { errnoOf, ioError, TempFileError } from '../errors.ts'
import { type PreparedRules, prepareRules } from '../file-types/file-rules.ts'
import { plainExtension } from '../input/names.ts'
import { boolean, optionsOf, preset } from '../input/options.ts'
import { inside } from '../layout.ts'
import { reportLeft } from '../removal/report-left.ts'
import { journalOf } from '../session/outside.ts'
import type { Session } from '../session/session.ts'
import type { AdoptOptions } from '../types.ts'
import { checkFile, regularAt } from './check-file.ts'
import { DirEntry } from './dir.ts'
import { firstFailure } from './failure.ts'
import { FileEntry } from './file.ts'
import type { Holding } from './holding.ts'
import { type Affixes, nameOf } from './naming.ts'
import { isSystemDirectory } from './system-directory.ts'

const checkOptions = optionsOf('adopt', { inPlace: boolean, accept: preset(prepareRules) })

/** `source` is absolute. @throws ERR_TEMP_OPTION_INVALID, ERR_TEMP_IO, ERR_TEMP_NO_SPACE, ERR_TEMP_QUOTA, and as checkFile */
export async function adopt(
  session: Session,
  source: string,
  { prefix, ending }: { readonly prefix: string; readonly ending: AbortSignal | undefined },
  options: AdoptOptions | undefined,
): Promise<FileEntry | DirEntry> {
  const { inPlace: stays, accept } = checkOptions(options)
  const examined = await examine(session, source, accept, ending)
  const isDirectory = examined.isDirectory()
  const { quota } = session
  const { counters } = session.context
  quota.addEntry()
  const sequence = ++session.sequence
  const affixes: Affixes = { prefix, suffix: isDirectory ? '' : plainExtension(basename(source)) }
  let holding: Holding | undefined
  try {
    if (stays === true) holding = inPlace(session, source, examined)
    else {
      const path = inside(session.path, nameOf(session, sequence, affixes))
      const { fs } = session.context
      const { left } = await moveIn(fs, source, path, { journal: journalOf(fs, session.path), examined })
      reportLeft(session.context, left)
    }
  } catch (error) {
    quota.dropEntry()
    throw ioError(error, 'adopt a file or directory', source)
  }
  if (isDirectory) counters.directoriesCreated++
  else counters.filesCreated++
  return isDirectory
    ? new DirEntry(session, sequence, affixes, holding).announce()
    : new FileEntry(session, sequence, affixes, holding).announce()
}

/** The stats of what may be adopted: of the file that was checked, if there are rules, and that nobody changed meanwhile. */
async function examine(
  session: Session,
  source: string,
  accept: PreparedRules | undefined,
  ending: AbortSignal | undefined,
): Promise<DiskStats> {
  if (accept === undefined) return await movableAt(session, source)
  const { fs } = session.context
  const checked = await regularAt(fs, source)
  await checkFile(fs, source, accept, { inSession: (work) => work(session), ending })
  const stats = await movableAt(session, source)
  const isSame =
    isSameFile(stats, checked) && stats.size === checked.size && stats.mtimeMs === checked.mtimeMs
  if (!isSame) throw exchangedError()
  return stats
}

async function movableAt(session: Session, source: string): Promise<DiskStats> {
  try {
    const stats = await statsOf(session.context.fs, source)
    if (stats.isDirectory()) refuseNeeded(session, source)
    if (stats.isFile() || stats.isDirectory()) return stats
  } catch (error) {
    throw ioError(error, 'adopt a file or directory', source)
  }
  throw new TempFileError(
    'ERR_TEMP_IO',
    'Only files and directories can be adopted, not links or special files. Pass the path that a link points at.',
    {
      path: source,
    },
  )
}

/** A slip of a program that runs as root could otherwise delete the system, or the temp files of all programs. */
function refuseNeeded({ context: { fs, layout } }: Session, given: string): void {
  const path = join(fs.realpathSync(dirname(given)).toString(), basename(given))
  const holdsRoot = layout.root === path || layout.root.startsWith(path + sep)
  if (!holdsRoot && path !== homeDirectory() && !isSystemDirectory(path)) return
  const reason = holdsRoot ? 'the root directory of this manager is in it' : 'the system or its user needs it'
  throw new TempFileError(
    'ERR_TEMP_OPTION_INVALID',
    `This directory cannot be adopted: ${reason}. Pass one that may be deleted.`,
    { path, details: { option: 'path' } },
  )
}

/** The user's own, whatever HOME says: a program may have set that to a directory of its making. */
function homeDirectory(): string | undefined {
  try {
    return userInfo().homedir
  } catch {
    return undefined // the user has no entry in the user database
  }
}

function inPlace(session: Session, given: string, examined: DiskStats): Holding {
  const { fs } = session.context
  const holder = fs.realpathSync(dirname(given)).toString()
  const path = join(holder, basename(given))
  const { dev, ino } = fs.statSync(holder)
  if (!isSameFile(fs.lstatSync(path), examined)) throw exchangedError() // a directory above it was exchanged
  const foreign = { dev, ino }
  const registered = {
    path,
    remove: () => ignoreMissing(async () => firstFailure(await removeTree(fs, path, { foreign }))),
    removeSync: () => {
      try {
        firstFailure(removeTreeSync(fs, path, { foreign }))
      } catch (error) {
        if (errnoOf(error) !== 'ENOENT') throw error
      }
    },
  }
  session.inPlace.add(registered)
  const forget = (): void => {
    session.inPlace.delete(registered)
  }
  return {
    path,
    name: basename(path),
    foreign,
    workshop: session.path,
    discard: () => registered.remove().then(forget),
    discardSync: () => {
      registered.removeSync()
      forget()
    },
    vacate: async () => forget(),
  }
}
