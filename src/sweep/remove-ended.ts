// Removes the sessions of this process whose threads have ended. Guarantee: only after each was judged dead.

import { namesIn } from '../disk/paths.ts'
import { inside, parseSessionsEntry, type Root } from '../layout.ts'
import { suspect } from '../liveness/judge.ts'
import { isOwnSession } from '../liveness/own-sessions.ts'
import { removeIfDead } from '../removal/condemn-if-dead.ts'
import { checkRoot } from '../session/root.ts'

/** Removes the sessions of this process whose threads have ended. Throws the system's error. */
export async function removeEnded(root: Root): Promise<void> {
  const { fs, layout } = root
  if (!checkRoot(root, 'change')) return
  for (const name of namesIn(fs, layout.sessions)) {
    const entry = parseSessionsEntry(name)
    const ofProcess = entry?.kind === 'live' && entry.id.startsWith(`${process.pid}-`)
    if (!ofProcess || isOwnSession(entry.id)) continue
    const place = { directory: inside(layout.sessions, name), id: entry.id }
    if ((await suspect(root, place, {})).verdict === 'dead') await removeIfDead(root, place)
  }
}
