// A session's record of its owner: its form, and what a reader believes. Guarantee: a record that is not exactly of our
// form is distinguished from a missing one and from one that could not be read, and never proves anything.

import type { FileSystem } from '../disk/file-system.ts'
import { readRecord } from '../disk/record-file.ts'
import { inside, OWNER } from '../layout.ts'
import { type LeaseIdentity, OWNER_VERSION, type Owner } from './owner.ts'

export type OwnerRead =
  | { readonly state: 'read'; readonly owner: Owner }
  | { readonly state: 'missing' }
  | { readonly state: 'corrupt'; readonly why: string }
  | { readonly state: 'unknown-version' }
  /** The question failed (EMFILE, EIO). */
  | { readonly state: 'not-asked'; readonly why: string }

/** Reads and checks the record of the session at `directory`, which was made as `id`. */
export function readOwner(fs: FileSystem, directory: string, id: string): OwnerRead {
  const record = readRecord(fs, inside(directory, OWNER))
  if (record.state === 'missing') return record
  if (record.state === 'unreadable')
    return { state: record.cause === undefined ? 'corrupt' : 'not-asked', why: record.why }
  return parseOwner(record.value, id)
}

/** Checks a parsed record. */
function parseOwner(value: unknown, id: string): OwnerRead {
  if (typeof value !== 'object' || value === null) return { state: 'corrupt', why: 'it is not an object' }
  const o = value as Record<string, unknown> // an object of unknown members: each is checked below
  if (o['v'] !== OWNER_VERSION) {
    return typeof o['v'] === 'number'
      ? { state: 'unknown-version' }
      : { state: 'corrupt', why: 'it has no version' }
  }
  if (o['id'] !== id) return { state: 'corrupt', why: 'it names another session' }
  const { pid, tid } = o
  if (!isPid(pid)) return { state: 'corrupt', why: 'its pid is not a process id' }
  if (tid !== undefined && !isPid(tid)) return { state: 'corrupt', why: 'its tid is not a thread id' }
  const host = o['hostname']
  if (typeof host !== 'string') return { state: 'corrupt', why: 'it names no host' }
  return {
    state: 'read',
    owner: {
      v: OWNER_VERSION,
      id,
      pid,
      tid,
      hostname: host,
      startTime: text(o['startTime']),
      bootId: text(o['bootId']),
      pidNamespace: text(o['pidNamespace']),
      timeNamespace: text(o['timeNamespace']),
      fsType: text(o['fsType']),
      upperDir: text(o['upperDir']),
      lease: leaseOf(o['lease']),
      lease2: leaseOf(o['lease2']),
      program: text(o['program']) ?? '',
      startedAt: typeof o['startedAt'] === 'number' ? o['startedAt'] : 0,
      refreshMs: typeof o['refreshMs'] === 'number' ? o['refreshMs'] : undefined,
      heartbeat: o['heartbeat'] === true,
      preserve: o['preserve'] === true,
      keepFailed: o['keepFailed'] === true,
    },
  }
}

/** kill(2) gives 0 and negative numbers other meanings; the kernel's largest pid is 2^22. */
function isPid(value: unknown): value is number {
  return typeof value === 'number' && Number.isInteger(value) && value >= 1 && value <= 2 ** 31 - 1
}

function text(value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' ? value : undefined
}

function leaseOf(value: unknown): LeaseIdentity | undefined {
  if (typeof value !== 'object' || value === null) return undefined
  const { dev, ino } = value as { dev?: unknown; ino?: unknown } // members checked on the next line
  return typeof dev === 'string' && typeof ino === 'string' ? { dev, ino } : undefined
}
