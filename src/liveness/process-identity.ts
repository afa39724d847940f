// Who this thread is, in terms another process can check later: pid, thread id, start time, boot, namespaces.
// Promise: what cannot be read is undefined, and undefined never equals anything.

import { readFileSync, readlinkSync } from 'node:fs'
import { hostname, uptime } from 'node:os'
import { threads } from '../runtime/lazy.ts'

/** The identity of a process's thread. */
export interface ProcessIdentity {
  readonly pid: number
  /** The kernel's thread id in our own pid namespace; the pid for a main thread. */
  readonly tid: number | undefined
  /** Clock ticks from boot to the thread's start: field 22 of /proc/<pid>/task/<tid>/stat, see proc(5). */
  readonly startTime: string | undefined
  readonly bootId: string | undefined
  readonly pidNamespace: string | undefined
  readonly timeNamespace: string | undefined
  readonly hostname: string
}

let cached: ProcessIdentity | undefined

/** This thread's identity, read once a thread. */
export function ownIdentity(platform: NodeJS.Platform = process.platform): ProcessIdentity {
  if (platform !== process.platform) return read(platform)
  cached ??= read(platform)
  return cached
}

function read(platform: NodeJS.Platform): ProcessIdentity {
  const base = { pid: process.pid, hostname: hostname() }
  if (platform !== 'linux') {
    const unread = { tid: undefined, startTime: undefined, pidNamespace: undefined, timeNamespace: undefined }
    return { ...base, ...unread, bootId: bootMinute() }
  }
  return {
    ...base,
    tid: ownThreadId(),
    startTime: parseStat(attempt(() => readFileSync('/proc/thread-self/stat', 'utf8')))?.startTime,
    bootId: attempt(() => readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim()),
    pidNamespace: attempt(() => readlinkSync('/proc/self/ns/pid')),
    timeNamespace: attempt(() => readlinkSync('/proc/self/ns/time')),
  }
}

/** Elsewhere than Linux: the minute of the boot. {@link sameBoot} allows for the clock's drift. */
function bootMinute(): string {
  return `minute:${Math.round((Date.now() / 1000 - uptime()) / 60)}`
}

/** Whether two boot ids name one boot: equal on Linux, within two minutes elsewhere. */
export function sameBoot(a: string | undefined, b: string | undefined): boolean {
  if (a === undefined || b === undefined) return false
  if (a === b) return true
  const minutes = [a, b].map((id) => (id.startsWith('minute:') ? Number(id.slice(7)) : Number.NaN))
  return Math.abs((minutes[0] ?? Number.NaN) - (minutes[1] ?? Number.NaN)) <= 2
}

// NSpid's last column is the id in our own namespace, true also where /proc belongs to another one
// (`unshare -pf` without a mount of its own).
function ownThreadId(): number | undefined {
  const status = attempt(() => readFileSync('/proc/thread-self/status', 'utf8'))
  const columns = /^NSpid:\s+(.+)$/m
    .exec(status ?? '')?.[1]
    ?.trim()
    .split(/\s+/)
  const tid = Number(columns?.at(-1))
  if (Number.isSafeInteger(tid) && tid > 0) return tid
  return threads().isMainThread ? process.pid : undefined
}

/** The fields of a /proc stat line that tell whether a thread lives; the command name may hold anything. */
export function parseStat(
  text: string | undefined,
): { state: string; threads: number; startTime: string } | undefined {
  if (text === undefined) return undefined
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ')
  const [state, threads, startTime] = [fields[0], fields[17], fields[19]]
  if (state === undefined || threads === undefined || startTime === undefined) return undefined
  return { state, threads: Number(threads), startTime }
}

function attempt<T>(read: () => T): T | undefined {
  try {
    return read()
  } catch {
    return undefined
  }
}
