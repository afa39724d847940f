// A private directory beside a destination, in which a move is completed before the destination gets its name.
// Guarantee: its name cannot be guessed, its mode is 0700, it is used by descriptor, and the journal knows of it
// before it exists: after a kill a sweep removes it.

import { basename } from 'node:path'
import { onDemand } from '../../runtime/load-on-demand.ts'
import type { DiskStats, FileSystem } from '../file-system.ts'
import { setModeOf } from '../metadata.ts'
import type { Directory, OpenDirectories } from '../open-directories.ts'
import { removeTree, requireComplete } from '../remove/remove.ts'
import { retry } from '../remove/retry-removal.ts'
import type { CopyTools, Spot } from './copy.ts'

/** Something of this process outside the root. */
export interface Outside {
  /** The real path of the directory that holds it. */
  readonly directory: string
  /** Device and inode of that directory. */
  readonly holder: Identity
  readonly name: string
  /** Of the entry itself; undefined while it is not made. */
  readonly entry: Identity | undefined
}

export interface Identity {
  readonly dev: number
  readonly ino: number
}

/** Notes entries outside the root, so that a sweep removes them if this process dies. */
export interface Journal {
  /** Notes an entry that is about to be made. Throws the system's error. */
  note(outside: Outside, durable: boolean): Note
}

export interface Note {
  /** Completes the note when the entry exists. */
  identify(entry: Identity): void
  /** Deletes the note after the entry was removed. */
  forget(): void
}

/** Notes nothing. */
export const NO_JOURNAL: Journal = { note: () => ({ identify: () => {}, forget: () => {} }) }

/** The caller waits for the error of its move meanwhile. */
const REMOVAL_BUDGET_MS = 500

/** The name of the moved data in its staging directory. */
const DATA = 'data'

export class Staging {
  /** The place of the data. */
  readonly spot: Spot
  readonly #fs: FileSystem
  readonly #open: OpenDirectories
  readonly #holder: Directory
  readonly #name: string
  readonly #note: Note
  #holdsCopy = false

  /** Makes the directory in `holder`. Throws the system's error. */
  static async make({ fs, open, durable }: CopyTools, holder: Directory, journal: Journal): Promise<Staging> {
    const name = await freeName(open, holder)
    const note = journal.note(outsideOf({ fs, open }, holder, name), durable)
    try {
      const path = `${open.pathOf(holder)}/${name}`
      fs.mkdirSync(path, { mode: 0o700 })
      const own = open.enter(holder, name)
      setModeOf(fs, open.descriptorOf(own), path, 0o700) // a umask may have removed the owner's bits
      return new Staging(fs, open, { holder, name, own, note })
    } catch (error) {
      removeEmpty(fs, `${open.pathOf(holder)}/${name}`)
      note.forget()
      throw error
    }
  }

  private constructor(
    fs: FileSystem,
    open: OpenDirectories,
    made: { holder: Directory; name: string; own: Directory; note: Note },
  ) {
    this.#fs = fs
    this.#open = open
    this.#holder = made.holder
    this.#name = made.name
    this.#note = made.note
    this.spot = { directory: made.own, name: DATA }
  }

  /** Notes that it holds nothing but a copy, which a sweep may delete. */
  identify(): void {
    this.#note.identify(this.spot.directory.stats)
    this.#holdsCopy = true
  }

  /**
   * Removes it, with the rest of a copy; tries again for a while where a failure may pass, such as a lack of
   * descriptors. Never throws: what cannot be removed stays noted, for a sweep.
   */
  async remove(): Promise<void> {
    this.#open.release(this.spot.directory)
    try {
      await retry(() => this.#removeOnce(), REMOVAL_BUDGET_MS)
      this.#note.forget()
    } catch {
      // Only an original that could not go back, or what a sweep will try again to remove.
    }
  }

  async #removeOnce(): Promise<void> {
    const path = `${this.#open.pathOf(this.#holder)}/${this.#name}`
    if (this.#holdsCopy) requireComplete(await removeTree(this.#fs, path, { foreign: true }))
    else this.#fs.rmdirSync(path)
  }
}

/** The facts that the journal notes of `name` in an open directory. */
export function outsideOf(
  { fs, open }: Pick<CopyTools, 'fs' | 'open'>,
  holder: Directory,
  name: string,
  entry?: DiskStats,
): Outside {
  const directory = fs.realpathSync(open.pathOf(holder).toString()).toString()
  const { dev, ino } = holder.stats
  return {
    directory,
    holder: { dev, ino },
    name,
    entry: entry === undefined ? undefined : { dev: entry.dev, ino: entry.ino },
  }
}

const tmpPackage = onDemand(() => import('tmp'))

/** An unguessable free name in a directory where others may write too. */
export async function freeName(open: OpenDirectories, holder: Directory): Promise<string> {
  const { default: tmp } = await tmpPackage()
  const path = await new Promise<string>((resolve, reject) => {
    tmp.tmpName({ tmpdir: open.pathOf(holder).toString(), prefix: '.tmp' }, (error, name) =>
      error ? reject(error) : resolve(name),
    )
  })
  return basename(path)
}

function removeEmpty(fs: FileSystem, path: string): void {
  try {
    fs.rmdirSync(path)
  } catch {
    // Never made: the error that led here is the one to report.
  }
}
