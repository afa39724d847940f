// A handoff as it is shown without being claimed.

import type { Claimant } from './find.ts'

/**
 * A handoff, as {@link TempFileManager.inspect}, {@link TempFileManager.handoffs} and {@link TempFileManager.usage} report
 * it.
 * @category Handoffs
 */
export interface HandoffInfo {
  readonly ticket: string
  /**
   * 'available': the next claimant gets it, also where a dead process still has the claim. 'dead': a dead letter, claimed as
   * often as `maxAttempts` allows; see {@link TempFileManager.retry}. 'corrupt': its record is damaged, or its data
   * is missing; what there is is kept.
   */
  readonly state: 'available' | 'claimed' | 'dead' | 'corrupt'
  /** Whether a claim now would get it: state 'available'. */
  readonly claimable: boolean
  readonly kind: 'file' | 'dir' | undefined
  readonly name: string | undefined
  /** Its data: files of any kind, and their sizes in bytes. */
  readonly files: number
  readonly bytes: number
  readonly meta: unknown
  /** Claims so far. */
  readonly attempts: number
  /** How often it may be claimed; undefined: no limit. */
  readonly maxAttempts: number | undefined
  /**
   * The reason why the last claim was not completed: the argument of `release()`, the error of `withClaim`, or the death of
   * its process. Undefined for a release without a reason, and for one by the end of a scope or of the manager.
   */
  readonly lastError: string | undefined
  /** By the publisher's clock; milliseconds since 1970. */
  readonly publishedAtMs: number | undefined
  /** Milliseconds since it was published, released or given back last; undefined when no clock could be asked. */
  readonly ageMs: number | undefined
  /** Milliseconds until a sweep may remove it; undefined while it is claimed, for a dead letter, and when unknown. */
  readonly expiresInMs: number | undefined
  /** The process that has claimed it; a claimant whose verdict is 'dead' no longer holds it. */
  readonly claimant: Claimant | undefined
  /** The problem of a corrupt one. */
  readonly problem: string | undefined
}
