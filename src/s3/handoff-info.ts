// A ticket in the bucket as it is shown without being claimed.

import type { LiveRecord } from './ticket-record.ts'
import { expiryOf, leaseEnded } from './transitions.ts'

/** The result of {@link S3Handoffs.inspect} and {@link S3Handoffs.handoffs}. All times are the store's. */
export interface S3HandoffInfo {
  readonly ticket: string
  /** 'dead': its attempts are used up; see `retry`. 'corrupt': its record cannot be used; it is kept. */
  readonly state: 'available' | 'claimed' | 'dead' | 'corrupt'
  readonly kind: 'file' | undefined
  readonly name: string | undefined
  readonly files: number
  readonly bytes: number
  readonly meta: unknown
  /** Claims so far. */
  readonly attempts: number
  /** Milliseconds since 1970. */
  readonly publishedAtMs: number | undefined
  /** Milliseconds since it was published, claimed, released or declared dead. */
  readonly ageMs: number | undefined
  /** Milliseconds until a sweep may remove it; undefined while it is claimed, and for a dead letter. */
  readonly expiresInMs: number | undefined
  readonly claimant:
    | {
        readonly pid: number | undefined
        readonly hostname: string | undefined
        readonly claimedAtMs: number
      }
    | undefined
  /** The reason why its last attempt failed, if that is known: at most 1,000 characters. */
  readonly lastError: string | undefined
  /** The problem of a corrupt one. */
  readonly problem: string | undefined
}

const NOTHING = {
  kind: undefined,
  name: undefined,
  files: 0,
  bytes: 0,
  meta: undefined,
  attempts: 0,
  publishedAtMs: undefined,
  ageMs: undefined,
  expiresInMs: undefined,
  claimant: undefined,
  lastError: undefined,
  problem: undefined,
}

export function infoOf(
  record: LiveRecord | { readonly ticket: string; readonly problem: string },
  nowMs: number,
): S3HandoffInfo {
  if ('problem' in record) return { ...NOTHING, ...record, state: 'corrupt' }
  const { ticket, name, bytes, meta, attempt, publishedAtMs, sinceMs, claimant } = record
  const state = leaseEnded(record, nowMs) ? 'available' : record.state
  const held = state === 'claimed'
  const expiresAtMs = held ? undefined : expiryOf(record)
  return {
    ...NOTHING,
    ticket,
    state,
    kind: 'file',
    name,
    files: 1,
    bytes,
    meta,
    attempts: attempt,
    publishedAtMs,
    ageMs: Math.max(0, nowMs - sinceMs),
    expiresInMs: expiresAtMs === undefined ? undefined : Math.max(0, expiresAtMs - nowMs),
    claimant: held && claimant !== undefined ? { ...claimant, claimedAtMs: sinceMs } : undefined,
    lastError: record.lastError,
  }
}
