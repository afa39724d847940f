// One sweep at a time on a shared volume, and one cron job. Promise: it spares double work and nothing more:
// safety comes from the renames, so a lock that is stolen or stale does no harm.

import { errnoOf } from '../errors.ts'
import type { Root } from '../layout.ts'
import { log } from '../runtime/observe.ts'

/** A holder that has not touched the lock for this long is presumed dead. */
const STALE_MS = 60_000

/**
 * Runs `work` under the root's sweep lock; undefined when somebody else holds it. Where no lock can be made (a
 * full disk, which a sweep may be about to recover), the work is done without.
 */
export async function underSweepLock<T>(
  { layout }: Pick<Root, 'layout'>,
  work: () => Promise<T>,
): Promise<T | undefined> {
  const { lock } = await import('proper-lockfile')
  let release: () => Promise<void>
  try {
    release = await lock(layout.root, {
      lockfilePath: layout.sweepLock,
      stale: STALE_MS,
      realpath: false,
      retries: 0,
      onCompromised: (error) => log.sweep('sweep lock: %s', error.message),
    })
  } catch (error) {
    const held = errnoOf(error) === 'ELOCKED'
    log.sweep(held ? 'another sweep is at work' : 'no sweep lock: %s', String(error))
    return held ? undefined : await work()
  }
  try {
    return await work()
  } finally {
    await release().catch((error: unknown) => log.sweep('sweep lock: %s', String(error)))
  }
}
