// A session's use of the manager's `limits`. Guarantee: what was added or reserved is counted until it is given
// back, a refusal changes no count, and a manager without limits pays one comparison and one increment.

import type { FileSystem } from './disk/file-system.ts'
import { ioError, optionError, TempFileError } from './errors.ts'

/** A manager's limits in bytes and entries; what is undefined is unlimited. */
export interface QuotaLimits {
  readonly fileBytes?: number | undefined
  readonly totalBytes?: number | undefined
  readonly liveEntries?: number | undefined
  readonly minFreeBytes?: number | undefined
}

/** Counts what a manager has in use, and refuses what would exceed its limits. */
export class Quota {
  /** The most one file may hold, in bytes; Infinity when not limited. */
  readonly fileBytes: number
  /** The free space that must stay on the volume, in bytes; 0 when not asked for. */
  readonly minFreeBytes: number
  /** The most bytes in use; Infinity when not limited. */
  readonly totalBytes: number
  readonly #maxEntries: number
  readonly #fs: FileSystem
  #bytes = 0
  #entries = 0

  constructor(limits: QuotaLimits, fs: FileSystem) {
    this.fileBytes = limits.fileBytes ?? Number.POSITIVE_INFINITY
    this.minFreeBytes = limits.minFreeBytes ?? 0
    this.totalBytes = limits.totalBytes ?? Number.POSITIVE_INFINITY
    this.#maxEntries = limits.liveEntries ?? Number.MAX_SAFE_INTEGER
    this.#fs = fs
  }

  /** Bytes in use now: what went through receive and write and is not yet removed. */
  get bytes(): number {
    return this.#bytes
  }

  /** Files and directories in use now. */
  get entries(): number {
    return this.#entries
  }

  /** Counts one more file or directory. @throws ERR_TEMP_QUOTA */
  addEntry(): void {
    if (this.#entries >= this.#maxEntries) refuseEntry(this.#maxEntries)
    this.#entries++
  }

  /** Gives one file or directory back. */
  dropEntry(): void {
    this.#entries--
  }

  /** Counts `bytes` more, or changes nothing. @throws ERR_TEMP_QUOTA */
  reserve(bytes: number): void {
    this.checkRoom(bytes)
    this.#bytes += bytes
  }

  /** Refuses what could not be reserved now, without reserving it. @throws ERR_TEMP_QUOTA */
  checkRoom(bytes: number): void {
    if (this.#bytes + bytes <= this.totalBytes) return
    throw new TempFileError(
      'ERR_TEMP_QUOTA',
      `The limit of ${this.totalBytes} bytes in temporary files is reached (limits.totalBytes). ` +
        'Try again when others are removed, or raise the limit.',
      { details: { option: 'limits.totalBytes', bytes: this.#bytes, limit: this.totalBytes } },
    )
  }

  /** Gives bytes back. */
  giveBack(bytes: number): void {
    this.#bytes -= bytes
  }

  /**
   * Looks at the free space of the volume that holds `directory`, if minFreeBytes asks for it; makes no call
   * otherwise. `coming`: the bytes about to be written, which must fit beside the space that must stay free.
   * @throws ERR_TEMP_NO_SPACE, ERR_TEMP_IO
   */
  async checkFree(directory: string, coming = 0): Promise<void> {
    if (this.minFreeBytes === 0) return
    const free = await freeBytes(this.#fs, directory)
    if (free - coming >= this.minFreeBytes) return
    throw new TempFileError(
      'ERR_TEMP_NO_SPACE',
      `The volume for temporary files has ${free} bytes free; ${this.minFreeBytes} must stay free ` +
        '(limits.minFreeBytes). Free some space, or point baseDir (or TEMP_FILE_MANAGER_DIR) at a larger disk.',
      { details: { option: 'limits.minFreeBytes', free, limit: this.minFreeBytes } },
    )
  }
}

/** @throws ERR_TEMP_OPTION_INVALID when space must stay free and the file system does not report its free space */
export function requireStatfs(minFreeBytes: number | undefined, fs: FileSystem): void {
  if (minFreeBytes === undefined || minFreeBytes === 0 || fs.statfs !== undefined) return
  throw optionError(
    'limits.minFreeBytes',
    'limits.minFreeBytes needs a file system with statfs, and the injected fs has none. Leave one of the two out.',
  )
}

function refuseEntry(limit: number): never {
  throw new TempFileError(
    'ERR_TEMP_QUOTA',
    `The limit of ${limit} temporary files and directories is reached (limits.liveEntries). ` +
      'Remove some, look for ones never disposed, or raise the limit.',
    { details: { option: 'limits.liveEntries', entries: limit, limit } },
  )
}

/**
 * Bytes that an unprivileged user may still write: bavail, not bfree, which counts root's reserve. A tmpfs mounted with
 * size=0 has no size and reports no block.
 */
function freeBytes(fs: FileSystem, directory: string): Promise<number> {
  return new Promise((resolve, reject) => {
    fs.statfs?.(directory, (error, stats) => {
      if (error) reject(ioError(error, 'read the free space of the volume', directory))
      else if (stats !== undefined)
        resolve(
          Number(stats.blocks ?? 1) === 0
            ? Number.POSITIVE_INFINITY
            : Number(stats.bavail) * Number(stats.bsize),
        )
    })
  })
}
