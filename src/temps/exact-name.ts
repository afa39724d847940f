// An entry with an exact name is alone in a directory of its own, so that two entries of one name never collide.
// Guarantee: the directory is removed with the entry.

import type { FileSystem } from '../disk/file-system.ts'
import { removeTree, removeTreeSync } from '../disk/remove/remove.ts'
import { errnoOf } from '../errors.ts'
import { inside } from '../layout.ts'
import type { Session } from '../session/session.ts'
import { firstFailure } from './failure.ts'
import type { Holding } from './holding.ts'
import { type Affixes, nameOf } from './naming.ts'

/** Makes the directory for an entry to be called `name`. */
export function makeWrapper(session: Session, sequence: number, affixes: Affixes, name: string): Holding {
  const { fs } = session.context
  const wrapper = inside(session.path, nameOf(session, sequence, affixes))
  fs.mkdirSync(wrapper, { mode: 0o700 })
  if (session.mendsModes) fs.chmodSync(wrapper, 0o700)
  return {
    path: inside(wrapper, name),
    name,
    workshop: session.path,
    discard: async () => firstFailure(await removeTree(fs, wrapper)),
    discardSync: () => firstFailure(removeTreeSync(fs, wrapper)),
    vacate: async () => removeEmpty(fs, wrapper),
    vacateSync: () => removeEmpty(fs, wrapper),
  }
}

function removeEmpty(fs: FileSystem, wrapper: string): void {
  try {
    fs.rmdirSync(wrapper)
  } catch (error) {
    if (errnoOf(error) !== 'ENOENT') throw error
  }
}
