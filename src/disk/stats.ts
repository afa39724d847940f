// A stat through the thread pool, typed. Promise: numbers, of the entry itself and never of what a link points at.

import type { DiskPath, DiskStats, FileSystem } from './file-system.ts'

export async function statsOf(fs: FileSystem, path: DiskPath): Promise<DiskStats> {
  // Without `bigint: true` every implementation answers with numbers; memfs's types do not tell.
  return (await fs.promises.lstat(path)) as DiskStats
}
