// One sweep at a time on a shared volume, and one cron job. Guarantee: the lock only avoids double work. Safety comes from
// the renames, so a stolen or stale lock does no harm.

import { errnoOf } from '../errors.ts'
import type { Root } from '../layout.ts'
import { onDemand } from '../runtime/load-on-demand.ts'
import { log } from '../runtime/observe.ts'
import { checkRoot } from '../session/root.ts'

const properLockfile = onDemand(() => import('proper-lockfile'))

/** A lock that was not refreshed for this long is taken over. */
const STALE_MS = 60_000

/**
 * Runs `work` under the root's sweep lock; returns undefined when another process holds the lock. If no lock can be
 * created, the work runs without it: on a full disk, for example, which the sweep may recover.
 * @throws ERR_TEMP_UNSAFE_ROOT, ERR_TEMP_IO
 */
export async function underSweepLock<T>(root: Root, work: () => Promise<T>): Promise<T | undefined> {
  const { layout } = root
  checkRoot(root, 'change') // the lock is created in it, and a stale one is removed
  let release: () => Promise<void>
  try {
    const { lock } = await properLockfile()
    release = await lock(layout.root, {
      lockfilePath: layout.sweepLock,
      stale: STALE_MS,
      realpath: false,
      retries: 0,
      onCompromised: (error) => log.sweep('sweep lock: %s', error.message),
    })
  } catch (error) {
    const held = errnoOf(error) === 'ELOCKED'
    log.sweep(held ? 'another sweep is running' : 'no sweep lock: %s', String(error))
    return held ? undefined : await work()
  }
  try {
    return await work()
  } finally {
    await release().catch((error: unknown) => log.sweep('sweep lock: %s', String(error)))
  }
}
