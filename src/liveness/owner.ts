// The form of a session's record of its owner: what create-session.ts writes and owner-record.ts reads.

import type { ProcessIdentity } from '../platform/platform.ts'

/** Version of the record's form; a reader keeps and reports what carries another. */
export const OWNER_VERSION = 1

/** The longest time between two refreshes of a session by its owner; its record may name a shorter one. */
export const REFRESH_MS = 600_000

/** Identity of the lease's socket: device and inode numbers as decimal strings (bigint stats). */
export interface LeaseIdentity {
  readonly dev: string
  readonly ino: string
}

/** `owner.json`. */
export interface Owner extends ProcessIdentity {
  readonly v: typeof OWNER_VERSION
  readonly id: string
  readonly fsType: string | undefined
  readonly upperDir?: string | undefined
  /** Undefined until the event loop has turned once, and where there are no leases. */
  readonly lease: LeaseIdentity | undefined
  /** The second lease: a death needs both to refuse. */
  readonly lease2?: LeaseIdentity | undefined
  readonly program: string
  /** Milliseconds since 1970 by the owner's clock; shown, never judged by. */
  readonly startedAt: number
  /** Milliseconds between two refreshes of the session by its owner. */
  readonly refreshMs?: number | undefined
  /** The session has a heartbeat (sharedVolume), so another host may judge it by age. */
  readonly heartbeat?: boolean | undefined
  /** The owner asked for nothing to be removed. */
  readonly preserve?: boolean | undefined
  /** The owner asked to keep what a failure leaves (preserve: 'on-error'). */
  readonly keepFailed?: boolean | undefined
}
