// The name of what this process creates in the root for a moment. Guarantee: where the maker's identity is known, the
// name proves it, so the first sweep after a kill removes the entry; otherwise its age decides.

import { newName, type Root, SESSION_RANDOM_LENGTH, sessionId, uniqueText } from '../layout.ts'
import { ownIdentity } from './process-identity.ts'
import { proofOf } from './session-name.ts'

/** No process has the pid 0. */
const UNKNOWN_MAKER = 0

export function draftName(
  { native }: Pick<Root, 'native'>,
  random = uniqueText(SESSION_RANDOM_LENGTH),
): string {
  const maker = native ? proofOf(ownIdentity(), undefined) : undefined
  return newName(sessionId(maker === undefined ? UNKNOWN_MAKER : process.pid, random, maker))
}
