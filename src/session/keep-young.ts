// The answer to cleaners that delete single files by their time of access: macOS empties the user's temporary directory
// of what was not accessed for three days. Guarantee: while an owner lives, the files of its session and the published
// handoffs are accessed more often than that; modification times stay, no link is followed, and it never throws.

import type { DiskPath, FileSystem } from '../disk/file-system.ts'
import { joinPath, readEntries, statsOf } from '../disk/paths.ts'
import { errnoOf } from '../errors.ts'
import { parseAttempt } from '../layout.ts'
import { log } from '../runtime/observe.ts'

/** Gives every file and directory below `directory` that was not accessed for `ageMs` the present time of access. */
export async function keepYoung(fs: FileSystem, directory: string, ageMs: number): Promise<void> {
  const waiting: DiskPath[] = [directory]
  for (let path = waiting.pop(); path !== undefined; path = waiting.pop()) {
    try {
      for (const entry of await readEntries(fs, path)) {
        const below = joinPath(path, entry.name)
        if (entry.isDirectory()) waiting.push(below)
        // The times of an attempt file are its content: handoff/attempt.ts.
        if (!(entry.isDirectory() || entry.isFile()) || parseAttempt(entry.name.toString()) !== undefined)
          continue
        await touchIfOld(fs, below, ageMs)
      }
    } catch (error) {
      if (errnoOf(error) !== 'ENOENT') log.session('could not keep a directory young: %s', errnoOf(error))
    }
  }
}

async function touchIfOld(fs: FileSystem, path: DiskPath, ageMs: number): Promise<void> {
  try {
    const { atimeMs, mtimeMs } = await statsOf(fs, path)
    if (Date.now() - atimeMs > ageMs) fs.utimesSync(path.toString(), Date.now() / 1000, mtimeMs / 1000)
  } catch (error) {
    if (errnoOf(error) !== 'ENOENT') log.session('could not keep a file young: %s', errnoOf(error))
  }
}
