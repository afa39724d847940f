// A partial upload's record, upload.json: written once, at its creation. Guarantee: a record that was tampered with or
// that another version wrote is refused, and nothing is ever deleted because of it.

import { readRecord } from '../disk/record-file.ts'
import { inside, type Root, UPLOAD_RECORD } from '../layout.ts'
import type { BootTime } from '../liveness/boot-clock.ts'

export const UPLOAD_VERSION = 1

/** An algorithm of `crypto.getHashes()` and a value in lower-case hex. */
export interface Digest {
  readonly algorithm: string
  readonly value: string
}

/** `upload.json`. */
export interface UploadRecord {
  readonly v: typeof UPLOAD_VERSION
  readonly id: string
  /** The data's name on disk, in `data/`. */
  readonly name: string
  /** The client's name for the file and its media type, as it sent them: for display and for the rules. */
  readonly originalName: string | undefined
  readonly type: string | undefined
  /** The declared length in bytes; undefined when it was not known at the creation. */
  readonly length: number | undefined
  readonly meta: unknown
  /** Milliseconds after the last byte until a sweep removes it. */
  readonly ttl: number
  /** Milliseconds after the creation until a sweep removes it, whatever arrives. */
  readonly maxAge: number
  readonly durable: boolean
  /** The digest to compute at the end. */
  readonly hash: string | undefined
  readonly expectedDigest: Digest | undefined
  /** What the protocol's front has to remember: of tus its metadata, of the draft its request. */
  readonly protocol: unknown
  readonly createdAt: number
  /** The boot clock at the creation: a file that is read cannot carry it in its times. */
  readonly createdInBoot: BootTime | undefined
  readonly creator: { readonly pid: number; readonly hostname: string }
}

export type UploadRead =
  | { readonly state: 'read'; readonly record: UploadRecord }
  | { readonly state: 'missing' }
  | { readonly state: 'refused'; readonly why: string }

/** Reads and checks the record in `directory`, which must be that of `id`. */
export function readUpload({ fs }: Pick<Root, 'fs'>, directory: string, id: string): UploadRead {
  const read = readRecord(fs, inside(directory, UPLOAD_RECORD))
  if (read.state === 'missing') return read
  if (read.state === 'unreadable') return refused(read.why)
  const uid = process.geteuid?.()
  if (uid !== undefined && read.uid !== uid) return refused('it belongs to another user')
  return parseUpload(read.value, id)
}

function refused(why: string): UploadRead {
  return { state: 'refused', why }
}

function parseUpload(value: unknown, id: string): UploadRead {
  if (typeof value !== 'object' || value === null) return refused('it is not an object')
  const r = value as Record<string, unknown> // an object of unknown members: each is checked below
  if (r['v'] !== UPLOAD_VERSION) return refused('it was written by another version of this package')
  if (r['id'] !== id) return refused('it is the record of another upload')
  const name = r['name']
  if (typeof name !== 'string' || !/^[^/\\\0]{1,255}$/.test(name) || name === '.' || name === '..')
    return refused('its name is not a plain file name')
  const [ttl, maxAge] = [count(r['ttl']), count(r['maxAge'])]
  if (ttl === undefined || maxAge === undefined) return refused('its time to live is not a number')
  const creator = (typeof r['creator'] === 'object' && r['creator'] !== null ? r['creator'] : {}) as {
    pid?: unknown // both are checked below
    hostname?: unknown
  }
  return {
    state: 'read',
    record: {
      v: UPLOAD_VERSION,
      id,
      name,
      originalName: text(r['originalName']),
      type: text(r['type']),
      length: count(r['length']),
      meta: r['meta'],
      ttl,
      maxAge,
      durable: r['durable'] !== false,
      hash: text(r['hash']),
      expectedDigest: digest(r['expectedDigest']),
      protocol: r['protocol'],
      createdAt: count(r['createdAt']) ?? 0,
      createdInBoot: bootTimeIn(r['createdInBoot']),
      creator: { pid: count(creator.pid) ?? 0, hostname: text(creator.hostname) ?? '' },
    },
  }
}

function count(value: unknown): number | undefined {
  return typeof value === 'number' && value >= 0 ? value : undefined
}

function text(value: unknown): string | undefined {
  return typeof value === 'string' ? value : undefined
}

function bootTimeIn(value: unknown): BootTime | undefined {
  if (typeof value !== 'object' || value === null) return undefined
  const { boot, uptimeMs } = value as { boot?: unknown; uptimeMs?: unknown } // both are checked
  const [number, milliseconds] = [count(boot), count(uptimeMs)]
  if (number === undefined || milliseconds === undefined) return undefined
  return { boot: number, uptimeMs: milliseconds }
}

function digest(value: unknown): Digest | undefined {
  if (typeof value !== 'object' || value === null) return undefined
  const { algorithm, value: hex } = value as { algorithm?: unknown; value?: unknown } // both are checked
  return typeof algorithm === 'string' && typeof hex === 'string' ? { algorithm, value: hex } : undefined
}
