// Counts the files and bytes of a tree. Guarantee: no link is followed, what is removed meanwhile is not counted, and the
// records that this package keeps beside a user's files are not counted either.

import { isOwnRecord, ownHolder } from '../layout.ts'
import type { DiskEntry, DiskPath, FileSystem } from './file-system.ts'
import { joinPath, statsOf } from './paths.ts'

export interface TreeSize {
  /** Everything that is not a directory. */
  files: number
  /** Sizes as of stat, in bytes; holes count. */
  bytes: number
}

/** Everything in a tree. */
export async function measureTree(fs: FileSystem, path: DiskPath): Promise<TreeSize> {
  const size: TreeSize = { files: 0, bytes: 0 }
  await addTree(fs, path, size)
  return size
}

/** The user's files in a session, or in a directory that was kept for debugging. */
export async function measureUserFiles(fs: FileSystem, directory: string): Promise<TreeSize> {
  const size: TreeSize = { files: 0, bytes: 0 }
  for (const entry of await entriesOf(fs, directory)) {
    const name = String(entry.name)
    if (isOwnRecord(name)) continue
    const path = joinPath(directory, entry.name)
    const holder = ownHolder(name)
    if (holder === 'claims')
      for (const claim of await entriesOf(fs, path)) await addHandoff(fs, joinPath(path, claim.name), size)
    else if (holder === 'handoff') await addHandoff(fs, path, size)
    else if (entry.isDirectory()) await addTree(fs, path, size)
    else await addFile(fs, path, size)
  }
  return size
}

/** A handoff or an upload, published or not: everything but its records. */
async function addHandoff(fs: FileSystem, directory: DiskPath, size: TreeSize): Promise<void> {
  for (const entry of await entriesOf(fs, directory))
    if (entry.isDirectory()) await addTree(fs, joinPath(directory, entry.name), size)
}

async function addTree(fs: FileSystem, path: DiskPath, size: TreeSize): Promise<void> {
  const directories: DiskPath[] = [path]
  for (let directory = directories.pop(); directory !== undefined; directory = directories.pop()) {
    for (const entry of await entriesOf(fs, directory)) {
      const child = joinPath(directory, entry.name)
      if (entry.isDirectory()) directories.push(child)
      else await addFile(fs, child, size)
    }
  }
}

async function addFile(fs: FileSystem, path: DiskPath, size: TreeSize): Promise<void> {
  try {
    size.bytes += (await statsOf(fs, path)).size
    size.files++
  } catch {
    // Gone meanwhile.
  }
}

async function entriesOf(fs: FileSystem, directory: DiskPath): Promise<DiskEntry[]> {
  try {
    // Buffers, for not every name is UTF-8; the interface is loose about what readdir gives.
    return (await fs.promises.readdir(directory, { withFileTypes: true, encoding: 'buffer' })) as DiskEntry[]
  } catch {
    return []
  }
}
