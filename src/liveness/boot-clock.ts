// The boot clock: milliseconds since this boot, independent of the wall clock. Guarantee: two readings are compared only
// where they came from one clock, so the number of the boot covers all that can give a process another one.

import type { Stats } from 'node:fs'
import { uptime } from 'node:os'
import type { FileSystem } from '../disk/file-system.ts'
import { readMounts } from '../disk/mounts.ts'
import { platform } from '../platform/index.ts'
import { ownIdentity } from './process-identity.ts'

/** A reading of the boot clock. */
export interface BootTime {
  /** Names the boot: 31 bits, so that it fits a file's time on every file system. Equal numbers: one clock. */
  readonly boot: number
  readonly uptimeMs: number
}

/** The boot clock now; undefined where this boot cannot be named. */
export function bootTime(): BootTime | undefined {
  try {
    const boot = bootNumber()
    return boot === undefined ? undefined : { boot, uptimeMs: Math.round(uptime() * 1000) }
  } catch {
    return undefined // no /proc, and the system call is not allowed; or no descriptor is free
  }
}

/** A reading of the boot clock that a file carries: atime is the number of the boot, mtime the uptime, in seconds. */
export interface Stamp extends BootTime {
  /** The volume's time at which the file was stamped (its ctime), in milliseconds since 1970. */
  readonly volumeMs: number
}

/** Stamps a file with the boot clock; utimes sets its ctime as well. A link is left alone. Throws the system's error. */
export function stampBootTime(fs: Pick<FileSystem, 'lstatSync' | 'utimesSync'>, path: string): void {
  const { boot, uptimeMs } = bootTime() ?? { boot: 0, uptimeMs: 0 }
  if (!fs.lstatSync(path).isSymbolicLink()) fs.utimesSync(path, boot, uptimeMs / 1000)
}

export function stampOf({
  ctimeMs,
  atimeMs,
  mtimeMs,
}: Pick<Stats, 'ctimeMs' | 'atimeMs' | 'mtimeMs'>): Stamp {
  return { volumeMs: ctimeMs, boot: Math.round(atimeMs / 1000), uptimeMs: Math.round(mtimeMs) }
}

let offsets: string | undefined
let numbered: { readonly name: string; readonly boot: number } | undefined

function bootNumber(): number | undefined {
  const { bootId, timeNamespace, pidNamespace } = ownIdentity()
  if (bootId === undefined) return undefined
  offsets ??= platform().clockOffsets() // the kernel gives the number of a time namespace that has ended to the next one
  const name = [bootId, timeNamespace, offsets, uptimeIsVirtual() ? pidNamespace : undefined].join()
  if (numbered?.name !== name) numbered = { name, boot: hash31(name) }
  return numbered.boot
}

let virtual: boolean | undefined

/** LXCFS mounts a /proc/uptime that counts from the start of the container. */
function uptimeIsVirtual(): boolean {
  const fsType = virtual === undefined ? readMounts().of('/proc/uptime')?.fsType : undefined
  if (fsType !== undefined) virtual = fsType !== 'proc'
  return virtual === true
}

/** FNV-1a, less the sign bit. */
function hash31(text: string): number {
  let hash = 0x811c9dc5
  for (const byte of Buffer.from(text)) hash = Math.imul(hash ^ byte, 0x01000193)
  return hash & 0x7fffffff
}
