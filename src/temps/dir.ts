// A temporary directory. Promise: an empty one costs mkdir and rmdir; a full one is deleted without ever
// following a link or crossing a mount; join() never leads out of it.

import { isAbsolute, join as joinPath, relative } from 'node:path'
import { removeTree, removeTreeSync } from '../disk/remove.ts'
import { errnoOf, TempFileError } from '../errors.ts'
import { inside } from '../session/layout.ts'
import { creationError, type Session } from '../session/session.ts'
import { Entry } from './entry.ts'
import { makeWrapper } from './exact-name.ts'
import { firstFailure } from './failure.ts'
import type { Holding } from './holding.ts'
import { type Naming, nameOf } from './naming.ts'
import type { TempDir } from './types.ts'

export class DirEntry extends Entry implements TempDir {
  override get kind(): 'dir' {
    return 'dir'
  }

  join(...segments: string[]): string {
    for (const segment of segments) {
      if (typeof segment !== 'string' || segment.includes('\0')) {
        throw new TempFileError(
          'ERR_TEMP_NAME_INVALID',
          'Path segments must be strings without NUL characters.',
        )
      }
      if (isAbsolute(segment)) {
        throw new TempFileError(
          'ERR_TEMP_NAME_INVALID',
          'A path segment is absolute. Give it relative to the directory.',
        )
      }
    }
    const { path } = this
    const joined = joinPath(path, ...segments)
    const way = relative(path, joined)
    if (way === '..' || /^\.\.[/\\]/.test(way) || isAbsolute(way)) {
      throw new TempFileError(
        'ERR_TEMP_NAME_INVALID',
        'The path segments lead out of the temporary directory.',
      )
    }
    return joined
  }

  protected override removeAtSync(path: string): void {
    const { fs } = this.context
    try {
      fs.rmdirSync(path)
    } catch (error) {
      if (errnoOf(error) === 'ENOENT') return
      firstFailure(removeTreeSync(fs, path))
    }
  }

  protected override async removeAt(path: string): Promise<void> {
    const { fs } = this.context
    try {
      await fs.promises.rmdir(path)
    } catch (error) {
      if (errnoOf(error) === 'ENOENT') return
      firstFailure(await removeTree(fs, path))
    }
  }
}

/** Makes a directory: mkdir(2). Throws the system's error, or ERR_TEMP_QUOTA. */
export function createDir(session: Session, naming: Naming): DirEntry {
  const { context } = session
  const { fs } = context
  context.quota.addEntry()
  const sequence = ++session.sequence
  let holding: Holding | undefined
  try {
    if (naming.exact !== undefined) holding = makeWrapper(session, sequence, naming.affixes, naming.exact)
    const path = holding?.path ?? inside(session.path, nameOf(session, sequence, naming.affixes))
    fs.mkdirSync(path, { mode: naming.mode ?? 0o700 })
    if (session.mendsModes || naming.mode !== undefined) fs.chmodSync(path, naming.mode ?? 0o700)
  } catch (error) {
    context.quota.dropEntry()
    holding?.discardSync()
    throw creationError(error, session.path)
  }
  context.counters.directoriesCreated++
  return new DirEntry(session, sequence, naming.affixes, holding).announce()
}

/** As {@link createDir}, without holding the event loop. */
export async function createDirAsync(session: Session, naming: Naming): Promise<DirEntry> {
  const { context } = session
  const { fs } = context
  context.quota.addEntry()
  const sequence = ++session.sequence
  let holding: Holding | undefined
  try {
    if (naming.exact !== undefined) holding = makeWrapper(session, sequence, naming.affixes, naming.exact)
    const path = holding?.path ?? inside(session.path, nameOf(session, sequence, naming.affixes))
    await fs.promises.mkdir(path, { mode: naming.mode ?? 0o700 })
    if (session.mendsModes || naming.mode !== undefined) await fs.promises.chmod(path, naming.mode ?? 0o700)
  } catch (error) {
    context.quota.dropEntry()
    await holding?.discard()
    throw creationError(error, session.path)
  }
  context.counters.directoriesCreated++
  return new DirEntry(session, sequence, naming.affixes, holding).announce()
}
