// Modes and times, set on a descriptor. Guarantee: what is changed is what was opened. Node's permission model
// disables fchmod and futimes: then the path is used, which the caller has made safe.

import type { DiskPath, DiskStats, FileSystem } from './file-system.ts'
import { isDenied } from './permission.ts'

/** Sets permission bits. */
export function setModeOf(fs: FileSystem, fd: number | undefined, path: DiskPath, mode: number): void {
  withDescriptor(
    fd,
    (open) => fs.fchmodSync(open, mode),
    () => fs.chmodSync(path, mode),
  )
}

/** Sets the times of access and modification to those of another file. */
export function setTimesOf(fs: FileSystem, fd: number | undefined, path: DiskPath, stats: DiskStats): void {
  const [accessed, modified] = [stats.atimeMs / 1000, stats.mtimeMs / 1000]
  withDescriptor(
    fd,
    (open) => fs.futimesSync(open, accessed, modified),
    () => fs.utimesSync(path, accessed, modified),
  )
}

function withDescriptor(
  fd: number | undefined,
  byDescriptor: (fd: number) => void,
  byPath: () => void,
): void {
  if (fd === undefined) {
    byPath()
    return
  }
  try {
    byDescriptor(fd)
  } catch (error) {
    if (!isDenied(error)) throw error
    byPath()
  }
}
