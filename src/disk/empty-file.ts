// Creates files. Guarantee: never through a link, never over an existing file; a file whose mode cannot be set is closed.

import { constants } from 'node:fs'
import type { FileSystem } from './file-system.ts'
import { setModeOf } from './metadata.ts'

/** Flags that open a new private file: never through a link, never over an existing file. */
export const CREATE_FLAGS =
  constants.O_RDWR | constants.O_CREAT | constants.O_EXCL | (constants.O_NOFOLLOW ?? 0)

/** Creates an empty file. `chmod`: set its mode to 0600, because the umask may strip bits of the owner. Throws the system's error. */
export function createEmpty(fs: FileSystem, path: string, chmod: boolean): void {
  const fd = fs.openSync(path, CREATE_FLAGS, 0o600)
  try {
    if (chmod) setModeOf(fs, fd, path, 0o600)
  } finally {
    fs.closeSync(fd)
  }
}
