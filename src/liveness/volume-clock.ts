// The volume's own clock. Guarantee: ages are differences of two ctimes that one file system gave, so no host's
// clock, however wrong, changes what is old.

import { inside, type Root } from '../layout.ts'
import { draftName } from './draft-name.ts'

/** A .new- this old, by the volume's clock, has no maker any more: making takes milliseconds. */
export const DRAFT_AGE_MS = 3_600_000

/**
 * The volume's now, in milliseconds: the ctime of a directory just made on it. Undefined when none can be made
 * (the disk is full): then nothing is judged by age. A crash leaves at most an empty draft.
 */
export function volumeNow(root: Root): number | undefined {
  const { fs } = root
  const probe = inside(root.layout.sessions, draftName(root))
  try {
    fs.mkdirSync(probe, { mode: 0o700 })
  } catch {
    return undefined
  }
  try {
    return fs.lstatSync(probe).ctimeMs
  } catch {
    return undefined
  } finally {
    try {
      fs.rmdirSync(probe)
    } catch {
      // A sweep removes it.
    }
  }
}
