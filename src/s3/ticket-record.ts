// The record of a ticket: the one object of it that changes. Guarantee: no two versions of a record are equal, because
// each has a nonce of its own, so an ETag that is a hash of the content identifies one version for ever; and the size of
// the object shows whether it is a tombstone, so a listing shows it too.

import { isGoodName } from '../claimable/claimable-record.ts'
import { checkMeta } from '../claimable/handoff-record.ts'
import type { Json } from '../index.ts'
import { randomText } from '../layout.ts'

const VERSION = 1
/** A tombstone is at most this long; every other record is longer. */
export const TOMBSTONE_BYTES = 240
/** 64 KiB of meta, an error text of 1,000 characters (at most 6 bytes each), and the rest. */
export const MAX_RECORD_BYTES = 72 * 1024

/** The publisher's part of the record, written once. */
export interface Published {
  readonly ticket: string
  /** The file's own name: one plain component. */
  readonly name: string
  readonly bytes: number
  /** Parts are hashed one by one: see part-digest.ts. */
  readonly partBytes: number
  readonly digest: string
  readonly ttlMs: number
  readonly maxAttempts?: number | undefined
  readonly meta?: Json | undefined
  readonly publishedAtMs: number
}

/** The holder of a claim. Shown to people; no decision depends on it. */
export interface TicketClaimant {
  readonly pid: number
  readonly hostname: string
}

/** All times are milliseconds of the store's clock. */
export interface LiveRecord extends Published {
  readonly state: 'available' | 'claimed' | 'dead'
  /** When it came into this state. */
  readonly sinceMs: number
  /** Claims so far, and the fencing number of the last one. It never decreases. */
  readonly attempt: number
  /** Attempts before the last retry(): they do not count towards `maxAttempts`. */
  readonly forgiven?: number | undefined
  readonly claimant?: TicketClaimant | undefined
  /** When the lease ends; only while claimed. */
  readonly untilMs?: number | undefined
  readonly lastError?: string | undefined
  readonly nonce: string
}

/** The record after the end, so that a request that arrives late changes nothing. */
export interface Tombstone {
  readonly ticket: string
  readonly state: 'done'
  readonly why: 'completed' | 'discarded' | 'expired' | 'orphan'
  readonly sinceMs: number
  readonly attempt: number
  readonly nonce: string
}

export type TicketRecord = LiveRecord | Tombstone

export const newNonce = (): string => randomText(10)

export function tombstoneOf(
  ticket: string,
  why: Tombstone['why'],
  attempt: number,
  nowMs: number,
): Tombstone {
  return { ticket, state: 'done', why, sinceMs: nowMs, attempt, nonce: newNonce() }
}

/** A live record that would be as short as a tombstone is padded with spaces, which JSON allows. */
export function encodeRecord(record: TicketRecord): Buffer {
  const text = JSON.stringify({ v: VERSION, ...record })
  return Buffer.from(record.state === 'done' ? text : text.padEnd(TOMBSTONE_BYTES + 1))
}

export type Decoded = { readonly record: TicketRecord } | { readonly problem: string }

/** Checks what was read; nothing in a bucket is trusted. */
export function decodeRecord(bytes: Uint8Array, ticket: string): Decoded {
  let value: unknown
  try {
    value = JSON.parse(Buffer.from(bytes).toString('utf8'))
  } catch {
    return { problem: 'it is not JSON' }
  }
  if (typeof value !== 'object' || value === null) return { problem: 'it is not an object' }
  const r = value as Record<string, unknown> // an object of unknown members: each is checked below
  if (r['v'] !== VERSION)
    return {
      problem:
        typeof r['v'] === 'number'
          ? 'it was written by another version of this package'
          : 'it has no version',
    }
  if (r['ticket'] !== ticket) return { problem: 'it is the record of another ticket' }
  const problem = r['state'] === 'done' ? problemOf(r, TOMBSTONE_MEMBERS) : problemOfLive(r)
  // Each member was checked by the tables, which TypeScript cannot follow.
  return problem === undefined ? { record: r as unknown as TicketRecord } : { problem }
}

type Test = (value: unknown) => boolean

const isTime: Test = (value) => typeof value === 'number' && Number.isSafeInteger(value) && value >= 0
const isText: Test = (value) => typeof value === 'string'
const optional =
  (test: Test): Test =>
  (value) =>
    value === undefined || test(value)

const TOMBSTONE_MEMBERS: Readonly<Record<string, Test>> = {
  state: isText,
  sinceMs: isTime,
  attempt: isTime,
  nonce: isText,
}

const LIVE_MEMBERS: Readonly<Record<string, Test>> = {
  ...TOMBSTONE_MEMBERS,
  state: (value) => value === 'available' || value === 'claimed' || value === 'dead',
  name: isGoodName,
  bytes: isTime,
  partBytes: (value) => isTime(value) && value !== 0,
  digest: (value) => typeof value === 'string' && /^[0-9a-f]{64}$/.test(value),
  ttlMs: isTime,
  maxAttempts: optional(isTime),
  forgiven: optional(isTime),
  untilMs: optional(isTime),
  lastError: optional(isText),
  publishedAtMs: isTime,
}

function problemOf(
  r: Readonly<Record<string, unknown>>,
  members: Readonly<Record<string, Test>>,
): string | undefined {
  const wrong = Object.keys(members).find((key) => members[key]?.(r[key]) === false)
  return wrong === undefined ? undefined : `its member ${wrong} is wrong`
}

function problemOfLive(r: Readonly<Record<string, unknown>>): string | undefined {
  const problem = problemOf(r, LIVE_MEMBERS)
  if (problem !== undefined) return problem
  if (r['state'] === 'claimed' && r['untilMs'] === undefined) return 'its claim has no end'
  try {
    checkMeta(r['meta'])
    return undefined
  } catch {
    return 'its meta is too large'
  }
}
