// Copies between file systems, with fs-extra. Promise: contents, modes and times are as they were (directories'
// too), nothing but files, directories and links is read, and a directory is private until it is complete.

import nodeFs from 'node:fs'
import { TempFileError } from '../../errors.ts'
import type { DiskEntry, DiskStats, FileSystem } from '../file-system.ts'
import { readMounts } from '../mounts.ts'
import { statsOf } from '../paths.ts'

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
  if (!stats.isDirectory()) return copyLeaf(source, destination, stats)
  const pairs = [{ from: source, to: destination, stats }]
  for (const { from, to } of pairs) {
    // Made here and not by fs-extra, which would show the names inside to everybody until the end.
    fs.mkdirSync(to, { mode: 0o700 })
    // With withFileTypes every implementation answers with Dirents; the loose interface says unknown.
    for (const { name } of (await fs.promises.readdir(from, { withFileTypes: true })) as DiskEntry[]) {
      const child = {
        from: `${from}/${name}`,
        to: `${to}/${name}`,
        stats: await statsOf(fs, `${from}/${name}`),
      }
      if (child.stats.isDirectory()) pairs.push(child)
      else await copyLeaf(child.from, child.to, child.stats)
    }
  }
  // fs-extra keeps the times of files only; and writing into a directory had changed them.
  for (const pair of pairs.reverse()) {
    await fs.promises.chmod(pair.to, pair.stats.mode & 0o7777)
    await fs.promises.utimes(pair.to, pair.stats.atimeMs / 1000, pair.stats.mtimeMs / 1000)
  }
}

// One at a time: fs-extra copies a whole tree's files at once, and when one fails the others are still being
// written while the caller removes what is there.
async function copyLeaf(from: string, to: string, stats: DiskStats): Promise<void> {
  // A special file would be read for ever (a device) or not at all (a FIFO).
  if (!stats.isFile() && !stats.isSymbolicLink()) {
    throw new TempFileError(
      'ERR_TEMP_IO',
      'A socket, FIFO or device cannot be moved to another device. Remove it first.',
      { path: from },
    )
  }
  const { default: extra } = await import('fs-extra')
  await extra.copy(from, to, { preserveTimestamps: true, dereference: false })
}
