// Windows renames no directory while any process has a file in it open, and no open file: a claimant meets a sweep that reads
// the handoff's record, and everyone meets the virus scanner. Guarantee: there such a rename is tried again for a moment,
// and fails with its own error when the file stays open.

import type { FileSystem } from './file-system.ts'
import { retrySync } from './remove/retry-removal.ts'

/** `fs`, whose renames wait out what other processes have open for milliseconds. */
export function withPatientRenames(fs: FileSystem): FileSystem {
  const renameSync: FileSystem['renameSync'] = (from, to) => retrySync(() => fs.renameSync(from, to))
  const own = { renameSync: { value: renameSync }, native: { value: true } }
  return Object.create(fs, own) as FileSystem // the rest is `fs`, its prototype
}
