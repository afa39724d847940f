// The doctor's look at directories: the base and the root, their owners and modes, file system, age cleaners, lengths.
// Guarantee: looks only.

import fs, { accessSync, constants, lstatSync, type Stats, statSync } from 'node:fs'
import { basename, dirname } from 'node:path'
import { findWeakness, type Weakness } from '../../disk/base-safety.ts'
import { readMounts } from '../../disk/mounts.ts'
import { errnoOf } from '../../errors.ts'
import { layoutOf, ROOMS } from '../../layout.ts'
import { platform } from '../../platform/index.ts'
import { ageRuleOf } from './age-cleaners.ts'
import type { Finding } from './finding.ts'

const MODE = 0o777
const STICKY = 0o1000
/** sizeof(sockaddr_un.sun_path) less the closing NUL, unix(7). */
const MAX_SOCKET_PATH = 107
/** PATH_MAX of Linux less room for a session's and a file's own name. */
const MAX_ROOT_PATH = 4095 - 600

export function checkBase(base: string): Finding {
  const check = 'base directory'
  const place = existing(base)
  const stats = statSync(place)
  if (!stats.isDirectory())
    return {
      check,
      status: 'problem',
      found: `${place} is not a directory`,
      advice: 'Set baseDir or TEMP_FILE_MANAGER_DIR to a directory.',
    }
  const weakness = findWeakness(fs, place)
  if (weakness !== undefined) return { check, status: 'problem', ...describe(weakness) }
  const isThere = place === base
  try {
    accessSync(place, constants.W_OK | constants.X_OK)
  } catch (error) {
    const missing = isThere ? '' : `, so ${base} cannot be created`
    return {
      check,
      status: 'problem',
      found: `${place} cannot be written to (${errnoOf(error)})${missing}`,
      advice: 'Give this user write permission, or set baseDir elsewhere.',
    }
  }
  if (isThere) return { check, status: 'ok', found: `${base}, mode ${modeOf(stats)}` }
  return {
    check,
    status: 'note',
    found: `${base} does not exist`,
    advice: 'It is created at the first use, with mode 0700. Create it yourself if other users need it.',
  }
}

function describe({ path, kind, uid, mode }: Weakness): Pick<Finding, 'found' | 'advice'> {
  if (kind === 'owner') {
    return {
      found: `${path} belongs to the user ${uid}, who can replace everything below it`,
      advice: 'Set baseDir to a directory that this user or root owns, up to /.',
    }
  }
  if (kind === 'profile' || kind === 'link') {
    const found =
      kind === 'link' ? 'is a junction or a symbolic link' : "is outside this user's profile directory"
    return { found: `${path} ${found}`, advice: "Set baseDir to a directory in this user's profile." }
  }
  const bits = (mode & 0o7777).toString(8)
  return {
    found: `${path} has mode 0${bits}: other users may rename what is in it, because it has no sticky bit`,
    advice: `chmod +t ${path}, or chmod go-w ${path}, or set baseDir to a private directory.`,
  }
}

export function checkRootDirectory(root: string): Finding {
  const check = 'root'
  const stats = attempt(() => lstatSync(root))
  if (stats === undefined) return { check, status: 'ok', found: `${root} does not exist yet` }
  const rooms = ROOMS.map((room) => layoutOf(root)[room])
  const found = [root, ...rooms].map(weaknessIn).find((finding) => finding !== undefined)
  return found ?? { check, status: 'ok', found: `${root}, mode ${modeOf(stats)}` }
}

/** The problem of the root, or of a directory in it; undefined where it has none or does not exist. */
function weaknessIn(path: string): Finding | undefined {
  const check = 'root'
  const stats = attempt(() => lstatSync(path))
  if (stats === undefined) return undefined
  const planted = 'Another user may have put it there. Inspect it, remove it, or set another name or baseDir.'
  if (stats.isSymbolicLink())
    return { check, status: 'problem', found: `${path} is a symbolic link`, advice: planted }
  if (!stats.isDirectory())
    return { check, status: 'problem', found: `${path} is not a directory`, advice: planted }
  const uid = process.geteuid?.()
  if (uid !== undefined && stats.uid !== uid)
    return { check, status: 'problem', found: `${path} belongs to the user ${stats.uid}`, advice: planted }
  if (uid !== undefined && (stats.mode & 0o077) !== 0) {
    return {
      check,
      status: 'warning',
      found: `${path} has mode ${modeOf(stats)}: other users can read it`,
      advice:
        'It is set to 0700 at the next use. If it comes back, something changes it (fsGroup of Kubernetes does).',
    }
  }
  return undefined
}

export function checkFileSystem(place: string): Finding {
  const check = 'file system'
  if (platform().mountTable === undefined)
    return { check, status: 'note', found: `not known: ${platform().system} has no mount table to read` }
  const mount = readMounts().of(place)
  if (mount === undefined)
    return {
      check,
      status: 'warning',
      found: 'unknown: /proc/self/mountinfo cannot be read',
      advice: 'Mount /proc.',
    }
  const found = `${mount.fsType}, mounted at ${mount.mountPoint}`
  if (platform().provingFileSystems?.has(mount.fsType) === false) {
    return {
      check,
      status: 'warning',
      found: `${found}: a silent owner in another container or on another host proves nothing here`,
      advice:
        'Use a local disk (ext4, xfs, btrfs, zfs, tmpfs). If several hosts must share it, set sharedVolume.',
    }
  }
  if (mount.fsType === 'tmpfs') {
    return {
      check,
      status: 'note',
      found: `${found}: files take memory, and a reboot loses handoffs`,
      advice: 'For large files, or handoffs that must survive, use a disk, for example /var/tmp.',
    }
  }
  return { check, status: 'ok', found }
}

export function checkAgeCleaners(root: string): Finding {
  const check = 'age cleaners'
  const rule = ageRuleOf(root)
  if (rule === undefined) return { check, status: 'ok', found: 'no rule of systemd-tmpfiles ages this place' }
  return {
    check,
    status: 'warning',
    found: `systemd-tmpfiles removes what is older than ${rule.age} under ${rule.path} (${rule.file})`,
    advice: `A handoff that waits longer, or a file open longer, is lost. echo 'x ${root}' > /etc/tmpfiles.d/${basename(root)}.conf`,
  }
}

export function checkLengths(root: string): Finding {
  const check = 'path lengths'
  const bytes = Buffer.byteLength(root)
  if (bytes > MAX_ROOT_PATH)
    return {
      check,
      status: 'problem',
      found: `the root's path has ${bytes} bytes`,
      advice: 'Set baseDir to a shorter path.',
    }
  const socket = Buffer.byteLength(`${root}/sessions/s-4194304-0123456789abcdef/.l-0123456789abc`)
  if (socket <= MAX_SOCKET_PATH)
    return { check, status: 'ok', found: `sockets of ${socket} bytes, ${MAX_SOCKET_PATH} allowed` }
  const found = `sockets of ${socket} bytes, over the ${MAX_SOCKET_PATH} of unix(7); reached through /proc/self/fd`
  if (attempt(() => statSync('/proc/self/fd')) !== undefined) return { check, status: 'ok', found }
  return {
    check,
    status: 'warning',
    found: `${found}, which is not here`,
    advice: 'Mount /proc, or set baseDir to a shorter path.',
  }
}

/** The nearest directory that exists, of `path` and those above it. */
export function existing(path: string): string {
  if (attempt(() => statSync(path)) !== undefined || dirname(path) === path) return path
  return existing(dirname(path))
}

function modeOf(stats: Stats): string {
  return `0${(stats.mode & (MODE | STICKY)).toString(8)}`
}

function attempt<T>(look: () => T): T | undefined {
  try {
    return look()
  } catch {
    return undefined
  }
}
