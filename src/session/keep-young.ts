// Protects files from cleaners that delete by access time: macOS deletes from the user's temporary directory each file
// that was not accessed for three days. Guarantee: while an owner lives, the files of its session and the published
// handoffs are accessed more often than that; modification times stay, no link is followed, and it never throws.

import type { DiskPath, FileSystem } from '../disk/file-system.ts'
import { joinPath, readEntries, statsOf } from '../disk/paths.ts'
import { errnoOf } from '../errors.ts'
import { parseAttempt } from '../layout.ts'
import { log } from '../runtime/observe.ts'

/** Sets the access time of every file and directory below `directory` that was not accessed for `ageMs` to the present. */
export async function keepYoung(fs: FileSystem, directory: string, ageMs: number): Promise<void> {
  const waiting: DiskPath[] = [directory]
  for (let path = waiting.pop(); path !== undefined; path = waiting.pop()) {
    try {
      waiting.push(...(await keepEntriesYoung(fs, path, ageMs)))
    } catch (error) {
      if (errnoOf(error) !== 'ENOENT') log.session('could not keep a directory young: %s', errnoOf(error))
    }
  }
}

/** Returns the directories among the entries of `directory`. */
async function keepEntriesYoung(fs: FileSystem, directory: DiskPath, ageMs: number): Promise<DiskPath[]> {
  const directories: DiskPath[] = []
  for (const entry of await readEntries(fs, directory)) {
    const below = joinPath(directory, entry.name)
    if (entry.isDirectory()) directories.push(below)
    else if (!entry.isFile()) continue
    // The times of an attempt file are its content: claimable/attempt.ts.
    if (parseAttempt(entry.name.toString()) === undefined) await touchIfOld(fs, below, ageMs)
  }
  return directories
}

async function touchIfOld(fs: FileSystem, path: DiskPath, ageMs: number): Promise<void> {
  try {
    const { atimeMs, mtimeMs } = await statsOf(fs, path)
    if (Date.now() - atimeMs > ageMs) fs.utimesSync(path.toString(), Date.now() / 1000, mtimeMs / 1000)
  } catch (error) {
    if (errnoOf(error) !== 'ENOENT') log.session('could not keep a file young: %s', errnoOf(error))
  }
}
