// Identity where there is no /proc (macOS, Windows): a pid, a host name, and the minute of the boot.

import { hostname, uptime } from 'node:os'
import type { OwnIdentity } from './platform.ts'

/** A boot is known to the minute only, from the wall clock less the uptime. */
export function identify(): OwnIdentity {
  const bootId = `minute:${Math.round((Date.now() / 1000 - uptime()) / 60)}`
  const unknown = { tid: undefined, startTime: undefined, pidNamespace: undefined, timeNamespace: undefined }
  return { pid: process.pid, hostname: hostname(), bootId, ...unknown, complete: true, genuineBoot: false }
}

/** Two minutes are allowed for the clock's drift and corrections. */
export function compareBoots(own: string, recorded: string): 'same' | 'other' {
  const [a, b] = [minuteOf(own), minuteOf(recorded)]
  return Math.abs(a - b) <= 2 ? 'same' : 'other'
}

function minuteOf(bootId: string): number {
  return bootId.startsWith('minute:') ? Number(bootId.slice('minute:'.length)) : Number.NaN
}
