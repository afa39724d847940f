// The doctor's look at evidence: can the kernel prove here that an owner lives or is dead? Guarantee: the one private
// directory that it creates in the base directory is removed.

import { existsSync, mkdtempSync, readFileSync, readlinkSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { errnoOf } from '../../errors.ts'
import { LEASE, uniqueText } from '../../layout.ts'
import { askLease, bindLease } from '../../liveness/lease.ts'
import { platform } from '../../platform/index.ts'
import type { Finding } from './finding.ts'

/** Binds a lease, knocks while it is held and after. */
export async function checkLease(base: string): Promise<Finding> {
  const check = 'lease'
  if (!existsSync(base)) return { check, status: 'note', found: 'not tried: there is no base directory yet' }
  let directory: string
  try {
    directory = mkdtempSync(join(base, '.temp-file-manager-doctor-'))
  } catch (error) {
    return {
      check,
      status: 'problem',
      found: `no directory can be created here (${errnoOf(error)})`,
      advice: 'See the base directory and space above.',
    }
  }
  try {
    const place = { directory, id: `doctor-${uniqueText(13)}` } // on Windows the id names the pipe
    const name = platform().lease.names[0] ?? LEASE
    const lease = bindLease(place, name)
    if (lease === undefined) {
      const found = 'no socket can be bound here: only a process that sees the owner can prove it dead'
      return {
        check,
        status: 'warning',
        found,
        advice:
          'Other containers on this volume are kept as unknown. Use a file system with unix sockets, or set sharedVolume.',
      }
    }
    const held = await askLease(place, name)
    lease.close()
    const released = await askLease(place, name)
    if (held === 'answers' && released === 'refuses')
      return { check, status: 'ok', found: 'a held one answers, a released one refuses' }
    const found = `a held one ${held}, a released one ${released}; expected: answers, refuses`
    return {
      check,
      status: 'warning',
      found,
      advice:
        'A sandbox (gVisor, seccomp) may be in the way. Owners are judged by their pid where it can be seen.',
    }
  } finally {
    rmSync(directory, { recursive: true, force: true })
  }
}

export function checkProc(): Finding {
  const check = 'process evidence'
  if (platform().system !== 'linux')
    return { check, status: 'note', found: 'a process is identified by its pid, host and boot here' }
  try {
    const self = readlinkSync('/proc/self')
    if (self !== String(process.pid)) {
      const found = `/proc/self is process ${self}, this is process ${process.pid}: /proc belongs to another pid namespace`
      return {
        check,
        status: 'warning',
        found,
        advice: 'Mount /proc inside the pid namespace (unshare --mount-proc).',
      }
    }
    readFileSync('/proc/sys/kernel/random/boot_id')
    readlinkSync('/proc/self/ns/pid')
    return { check, status: 'ok', found: '/proc shows the boot, the pid namespace and this pid' }
  } catch (error) {
    return {
      check,
      status: 'warning',
      found: `/proc cannot be read (${errnoOf(error)}): owners are judged by their lease alone`,
      advice: 'Mount /proc.',
    }
  }
}

/** Settings that are meant for debugging only. */
export function checkEnvironment(env: NodeJS.ProcessEnv = process.env): Finding {
  const check = 'environment'
  if (env['TEMP_FILE_MANAGER_PRESERVE'] === '1') {
    return {
      check,
      status: 'warning',
      found: 'TEMP_FILE_MANAGER_PRESERVE=1: nothing is ever removed',
      advice: 'Unset it when you are done debugging, and look into kept/.',
    }
  }
  if (env['TEMP_FILE_MANAGER_PRESERVE'] === 'on-error') {
    return {
      check,
      status: 'ok',
      found: 'TEMP_FILE_MANAGER_PRESERVE=on-error: the newest failures are kept',
      advice: 'Look into kept/ of the root; `sweep --kept` removes them.',
    }
  }
  const directory = env['TEMP_FILE_MANAGER_DIR']
  return { check, status: 'ok', found: directory ? `TEMP_FILE_MANAGER_DIR=${directory}` : 'no settings' }
}
