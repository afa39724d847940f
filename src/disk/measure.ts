// How much a tree holds. Promise: never follows a link, and what goes meanwhile is not counted.

import type { DiskEntry, DiskPath, FileSystem } from './file-system.ts'
import { joinPath, statsOf } from './paths.ts'

export interface TreeSize {
  /** Everything that is not a directory. */
  files: number
  /** Sizes as of stat, in bytes; holes count. */
  bytes: number
}

export async function measureTree(fs: FileSystem, path: DiskPath): Promise<TreeSize> {
  const size: TreeSize = { files: 0, bytes: 0 }
  const directories: DiskPath[] = [path]
  for (let directory = directories.pop(); directory !== undefined; directory = directories.pop()) {
    for (const entry of await entriesOf(fs, directory)) {
      const child = joinPath(directory, entry.name)
      if (entry.isDirectory()) {
        directories.push(child)
        continue
      }
      try {
        size.bytes += (await statsOf(fs, child)).size
        size.files++
      } catch {
        // Gone meanwhile.
      }
    }
  }
  return size
}

async function entriesOf(fs: FileSystem, directory: DiskPath): Promise<DiskEntry[]> {
  try {
    // Buffers, for not every name is UTF-8; the interface is loose about what readdir gives.
    return (await fs.promises.readdir(directory, { withFileTypes: true, encoding: 'buffer' })) as DiskEntry[]
  } catch {
    return []
  }
}
