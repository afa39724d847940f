// The heartbeat of a session on a volume that several hosts share: a proper-lockfile lock inside it, whose
// directory is touched every few seconds. Guarantee: loaded only when asked for, never throws into the program,
// and its timer holds no process open (proper-lockfile unrefs it).

import type { FileSystem } from '../disk/file-system.ts'
import { errnoOf } from '../errors.ts'
import { HEARTBEAT, inside } from '../layout.ts'
import { onDemand } from '../runtime/load-on-demand.ts'
import { log } from '../runtime/observe.ts'

export interface Heartbeat {
  stop(): Promise<void>
}

const properLockfile = onDemand(() => import('proper-lockfile'))

/** Beats every `heartbeat` milliseconds. `onCompromised` is called when the lock was lost, to check that the session still exists. */
export async function beat(
  fs: FileSystem,
  session: string,
  timing: { readonly heartbeat: number; readonly staleAfter: number },
  onCompromised: () => void,
): Promise<Heartbeat> {
  const { lock } = await properLockfile()
  try {
    fs.rmdirSync(inside(session, HEARTBEAT)) // left by a beat that was compromised; no other process uses this session
  } catch (error) {
    if (errnoOf(error) !== 'ENOENT') throw error
  }
  const release = await lock(session, {
    lockfilePath: inside(session, HEARTBEAT),
    update: timing.heartbeat,
    stale: timing.staleAfter,
    realpath: false,
    retries: 0,
    fs,
    onCompromised: (error) => {
      log.session('heartbeat: %s', error.message)
      onCompromised()
    },
  })
  return { stop: () => release().catch((error: unknown) => log.session('heartbeat: %s', String(error))) }
}
