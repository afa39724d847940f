// Copies between file systems, with fs-extra. Promise: contents, modes and times are as they were (directories'
// too), nothing but files, directories and links is read, and a directory is private until it is complete.

import nodeFs from 'node:fs'
import { TempFileError } from '../errors.ts'
import type { DiskEntry, DiskStats, FileSystem } from './file-system.ts'
import { readMounts } from './mounts.ts'
import { statsOf } from './stats.ts'

/** Copies `source` to `destination`, which does not exist. The caller removes what a failure leaves. */
export async function copyAcross(fs: FileSystem, source: string, destination: string): Promise<void> {
  // fs-extra copies with node:fs itself: in memory there is nothing for it to copy.
  if (fs !== nodeFs && fs.native !== true) {
    throw new TempFileError(
      'ERR_TEMP_IO',
      'An injected file system cannot copy to another device. Choose a place on the same device.',
      { path: destination },
    )
  }
  const stats = await statsOf(fs, source)
  if (stats.isDirectory() && readMounts().below(source).length > 0) {
    throw new TempFileError(
      'ERR_TEMP_IO',
      'The directory holds a mount point, which cannot be moved. Unmount it first.',
      { path: source },
    )
  }
  // A special file would be read for ever (a device) or not at all (a FIFO).
  const filter = async (from: string): Promise<boolean> => {
    const entry = await statsOf(fs, from)
    if (entry.isFile() || entry.isDirectory() || entry.isSymbolicLink()) return true
    throw new TempFileError(
      'ERR_TEMP_IO',
      'A socket, FIFO or device cannot be moved to another device. Remove it first.',
      { path: from },
    )
  }
  // Made here and not by fs-extra, which would show the names inside to everybody until the end.
  if (stats.isDirectory()) fs.mkdirSync(destination, { mode: 0o700 })
  const { default: extra } = await import('fs-extra')
  await extra.copy(source, destination, { preserveTimestamps: true, dereference: false, filter })
  if (stats.isDirectory()) await restoreDirectories(fs, source, destination, stats)
}

/** fs-extra keeps the times of files only; and writing into a directory had changed them. */
async function restoreDirectories(
  fs: FileSystem,
  source: string,
  destination: string,
  stats: DiskStats,
): Promise<void> {
  const pairs = [{ from: source, to: destination, stats }]
  for (const { from, to } of pairs) {
    // With withFileTypes every implementation answers with Dirents; the loose interface says unknown.
    for (const entry of (await fs.promises.readdir(from, { withFileTypes: true })) as DiskEntry[]) {
      if (!entry.isDirectory()) continue
      const child = `${from}/${entry.name}`
      pairs.push({ from: child, to: `${to}/${entry.name}`, stats: await statsOf(fs, child) })
    }
  }
  for (const pair of pairs.reverse()) {
    await fs.promises.chmod(pair.to, pair.stats.mode & 0o7777)
    await fs.promises.utimes(pair.to, pair.stats.atimeMs / 1000, pair.stats.mtimeMs / 1000)
  }
}
