// The types of claims, scopes and checked files.

import type { EntryMethods } from './creating.ts'
import type { TempDir, TempFile } from './entries.ts'

/**
 * A claimed handoff: one claimant at a time has it, until it completes or releases it.
 * @category Handoffs
 */
export type Claim<M = unknown> = (TempFile | TempDir) & ClaimMembers<M>

/**
 * The members that a claim has besides those of a file or directory.
 * @category Handoffs
 */
export interface ClaimMembers<M> {
  readonly ticket: string
  /** The publisher's `meta`. */
  readonly meta: M
  /** 1 for the first claimant, 2 after one released it or died, and so on. */
  readonly attempt: number
  /** Aborts when the claim is lost or its manager closes: stop working, another process may have the handoff. */
  readonly signal: AbortSignal
  /**
   * Acknowledges it: deletes the handoff, which never comes back after it has resolved. Idempotent; the same as remove().
   * @throws ERR_TEMP_REMOVED (given back before), ERR_TEMP_CLOSED (its manager's close() gave it back), ERR_TEMP_HANDOFF_GONE
   * (the claim was lost: another process may have it), ERR_TEMP_SESSION_LOST, ERR_TEMP_IO, ERR_TEMP_CLEANUP
   */
  complete(): Promise<void>
  /**
   * Gives it back for another attempt; leaving the scope does the same. `reason`, an error or a text, is shown as
   * `lastError` by {@link TempFileManager.handoffs}. Does nothing for a claim that was lost.
   * @throws ERR_TEMP_REMOVED (it has ended, or was completed meanwhile), ERR_TEMP_CLOSED, ERR_TEMP_IO
   */
  release(reason?: unknown): Promise<void>
}

/**
 * Options of {@link TempFileManager.scope}.
 * @category Creating and receiving
 */
export interface ScopeOptions {
  /** Keep what the scope leaves when it fails; see {@link TempScope.fail}. Default: the manager's `preserve`. */
  preserve?: false | 'on-error' | undefined
}

/**
 * A group of entries that are disposed together, last created first. Everything that its methods create is removed when the scope ends.
 * @category Creating and receiving
 */
export interface TempScope extends EntryMethods, AsyncDisposable {
  /** Released when the scope ends, unless it was completed. */
  claim<M = unknown>(ticket: string): Promise<Claim<M>>
  /** Runs `fn` when the scope ends, in the reverse order of creation. The end waits for `fn`, so `fn` must not wait for the end. */
  defer(fn: () => Promise<void> | void): void
  /**
   * Marks the scope as failed: with `preserve: 'on-error'` its end keeps the files, with the reason, in `kept/` of the root.
   * `withScope` calls it with the error that its function throws.
   */
  fail(reason?: unknown): void
  /** Aborts when the disposal starts, after which calls throw ERR_TEMP_CLOSED, and when the manager closes or `removeAll()` removes the files. */
  readonly signal: AbortSignal
  /** Ends the scope, for code without `using`. Idempotent; rejects with the error of a deferred function. */
  close(): Promise<void>
}

/**
 * The result of {@link TempFileManager.checkFile}.
 * @category Creating and receiving
 */
export interface CheckedFile {
  /** Absolute path of the file. */
  readonly path: string
  readonly bytes: number
  /** The media type found in the first bytes; undefined when none was looked for, or none found. */
  readonly detectedType: string | undefined
}
