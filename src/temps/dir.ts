// A temporary directory. Guarantee: an empty one costs mkdir and rmdir; a full one is deleted without ever
// following a link or crossing a mount; join() never leads out of it.

import type { ChildProcess } from 'node:child_process'
import { isAbsolute, join as joinPath, relative } from 'node:path'
import { removeTree, removeTreeSync } from '../disk/remove/remove.ts'
import { errnoOf, TempFileError } from '../errors.ts'
import { boolean, optionsOf } from '../input/options.ts'
import type { Session } from '../session/session.ts'
import { removeShortPath, shortPathOf } from '../session/short-path.ts'
import type { ChildEnvironment, ChildEnvironmentOptions, TempDir } from '../types.ts'
import { Entry } from './entry.ts'
import { firstFailure } from './failure.ts'
import { holdFor } from './hold-for.ts'
import type { Naming } from './naming.ts'
import { giveUp, giveUpSync, reserve, type Slot } from './slot.ts'

const MODE = 0o700

const checkEnv = optionsOf('env', { short: boolean })

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
          'A path segment is absolute. Pass segments relative to the directory.',
        )
      }
    }
    const { path } = this
    const joined = joinPath(path, ...segments)
    const way = relative(path, joined)
    if (way === '..' || /^\.\.[/\\]/.test(way) || isAbsolute(way)) {
      throw new TempFileError(
        'ERR_TEMP_NAME_INVALID',
        'The path segments lead out of the temporary directory. Pass a path inside it.',
      )
    }
    return joined
  }

  env(options?: ChildEnvironmentOptions): ChildEnvironment {
    const { short = false } = checkEnv(options)
    this.requireLive('use')
    const path = (short ? this.#shortPath() : undefined) ?? this.path
    return { TMPDIR: path, TMP: path, TEMP: path }
  }

  #shortPath(): string | undefined {
    const { path, session } = this
    const name = session.shortPaths.get(this) ?? `${session.random}-${++session.sequence}`
    const short = shortPathOf(session.context, path, name)
    if (short !== undefined) session.shortPaths.set(this, name)
    return short
  }

  holdFor<C extends ChildProcess>(start: (lease: number) => C): C {
    this.requireLive('use')
    return holdFor(this.session, start)
  }

  override settle(how: 'removed' | 'released' | 'moved'): void {
    super.settle(how)
    const { context, shortPaths } = this.session
    const name = shortPaths.get(this)
    if (name === undefined) return
    shortPaths.delete(this)
    removeShortPath(context, name)
  }

  override removeAtSync(path: string): void {
    const { fs } = this.context
    try {
      fs.rmdirSync(path)
    } catch (error) {
      if (errnoOf(error) === 'ENOENT') throw error
      firstFailure(removeTreeSync(fs, path))
    }
  }

  override async removeAt(path: string): Promise<void> {
    const { fs } = this.context
    try {
      await fs.promises.rmdir(path)
    } catch (error) {
      if (errnoOf(error) === 'ENOENT') throw error
      firstFailure(await removeTree(fs, path))
    }
  }
}

/** Creates a directory: mkdir(2). Throws the system's error, or ERR_TEMP_QUOTA. */
export function createDir(session: Session, naming: Naming): DirEntry {
  const { fs } = session.context
  const slot = reserve(session, naming, MODE)
  try {
    fs.mkdirSync(slot.path, { mode: slot.mode ?? MODE })
    if (slot.mode !== undefined) fs.chmodSync(slot.path, slot.mode)
  } catch (error) {
    throw giveUpSync(slot, error)
  }
  return made(slot, naming)
}

/** As {@link createDir}, without blocking the event loop. */
export async function createDirAsync(session: Session, naming: Naming): Promise<DirEntry> {
  const { fs } = session.context
  const slot = reserve(session, naming, MODE)
  try {
    await fs.promises.mkdir(slot.path, { mode: slot.mode ?? MODE })
    if (slot.mode !== undefined) await fs.promises.chmod(slot.path, slot.mode)
  } catch (error) {
    throw await giveUp(slot, error)
  }
  return made(slot, naming)
}

function made({ session, sequence, holding }: Slot, naming: Naming): DirEntry {
  session.context.counters.directoriesCreated++
  return new DirEntry(session, sequence, naming.affixes, holding).announce()
}
