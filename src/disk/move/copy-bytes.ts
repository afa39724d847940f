// Copies the bytes of one file into another, by sharing blocks where the file system can: APFS, btrfs, XFS.
// Guarantee: where it cannot, the bytes are copied; the target is the existing file, and stays the same one.

import { constants, createReadStream, createWriteStream } from 'node:fs'
import { errnoOf } from '../../errors.ts'
import { streams } from '../../runtime/lazy.ts'

type CopyFile = (from: string, to: string, mode: number) => Promise<void>

/** Throws the system's error. */
export async function cloneOrCopy(copyFile: CopyFile, from: string, to: string): Promise<void> {
  try {
    await copyFile(from, to, constants.COPYFILE_FICLONE)
  } catch (error) {
    // clonefile(2) of macOS creates its target, so it refuses one that exists.
    if (errnoOf(error) !== 'EEXIST') throw error
    await copyFile(from, to, 0)
  }
}

/** Between descriptors, which stay open. Throws the system's error. */
export async function copyDescriptor(from: number, to: number): Promise<void> {
  const source = createReadStream('', { fd: from, autoClose: false, start: 0 })
  await streams().pipeline(source, createWriteStream('', { fd: to, autoClose: false, start: 0 }))
}
