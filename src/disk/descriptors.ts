// Raw descriptors through the thread pool, as promises: less to allocate than FileHandle, nothing for the
// garbage collector to close. Guarantee: a descriptor that open() gave is closed by exactly one close().

import type { DiskPath, FileSystem } from './file-system.ts'

export function open(fs: FileSystem, path: DiskPath, flags: number, mode: number): Promise<number> {
  return new Promise((resolve, reject) => {
    fs.open(path, flags, mode, (error, fd) => (error || fd === undefined ? reject(error) : resolve(fd)))
  })
}

export function sync(fs: FileSystem, fd: number): Promise<void> {
  return new Promise((resolve, reject) => fs.fsync(fd, (error) => (error ? reject(error) : resolve())))
}

/** Closes a written file: network file systems report a failed write only here (close(2), NOTES). Closed even then. */
export function closeWritten(fs: FileSystem, fd: number): Promise<void> {
  return new Promise((resolve, reject) => fs.close(fd, (error) => (error ? reject(error) : resolve())))
}

/** Closes a file that was read or given up; an error of close(2) leaves the descriptor closed on Linux (close(2), NOTES), so there is nothing to retry. */
export function close(fs: FileSystem, fd: number): Promise<void> {
  return new Promise((resolve) => fs.close(fd, () => resolve()))
}

/** As {@link close}, on the loop: never throws, so that no other descriptor stays open because one close failed. */
export function closeSync(fs: Pick<FileSystem, 'closeSync'>, fd: number): void {
  try {
    fs.closeSync(fd)
  } catch {} // closed even then
}
