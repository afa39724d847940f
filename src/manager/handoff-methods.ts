// The methods that claim, list and retry handoffs. The implementation is in manager.ts.

import type { HandoffInfo } from '../handoff/info.ts'
import type { Claim } from '../types.ts'

/** How a manager claims, lists and retries handoffs. {@link TempEntry.handOff} publishes them. */
export interface HandoffMethods {
  /**
   * Claims a handoff: one claimant at a time has it. Leaving its scope without complete() gives it back. It counts towards
   * `limits.liveEntries`.
   * @throws ERR_TEMP_TICKET_INVALID, ERR_TEMP_HANDOFF_GONE, ERR_TEMP_HANDOFF_CLAIMED (`details`: pid,
   * claimedAtMs, verdict), ERR_TEMP_HANDOFF_DEAD, ERR_TEMP_HANDOFF_CORRUPT, ERR_TEMP_SESSION_LOST, ERR_TEMP_QUOTA,
   * ERR_TEMP_IO, ERR_TEMP_CLOSED, ERR_TEMP_ABORTED (by removeAll())
   * @example
   * ```ts
   * import { getTempManager } from 'temp-file-manager'
   *
   * const manager = getTempManager()
   * const ticket = await (await manager.receive('job')).handOff()
   * await using claim = await manager.claim(ticket)
   * console.log(claim.path, claim.attempt) // 1
   * await claim.complete()
   * ```
   * @category Handoffs
   */
  claim<M = unknown>(ticket: string): Promise<Claim<M>>

  /**
   * Claims, calls `fn`, then completes. If `fn` throws, the handoff goes back, with the error's text as its `lastError`.
   * @returns the value that `fn` returned. Rejects as {@link claim}, as `claim.complete()` (ERR_TEMP_CLOSED or
   * ERR_TEMP_REMOVED when close() or removeAll() gave it back meanwhile), or with the error that `fn` threw
   * @category Handoffs
   */
  withClaim<M = unknown, T = unknown>(ticket: string, fn: (claim: Claim<M>) => Promise<T> | T): Promise<T>

  /**
   * Lists all handoffs of the root, claimed ones too.
   * @throws ERR_TEMP_UNSAFE_ROOT, ERR_TEMP_IO
   * @category Handoffs
   */
  handoffs(): Promise<HandoffInfo[]>

  /**
   * Describes one handoff without claiming it.
   * @throws ERR_TEMP_TICKET_INVALID, ERR_TEMP_HANDOFF_GONE, ERR_TEMP_UNSAFE_ROOT, ERR_TEMP_IO
   * @category Handoffs
   */
  inspect(ticket: string): Promise<HandoffInfo>

  /**
   * Claims a handoff and completes it, without reading its data; also a dead letter.
   * @throws as {@link claim}, except ERR_TEMP_HANDOFF_DEAD and ERR_TEMP_QUOTA: no limit of the manager refuses it
   * @category Handoffs
   */
  discard(ticket: string): Promise<void>

  /**
   * Makes a dead letter claimable again, for as many attempts as `handoff.maxAttempts` allows. Its attempt number continues,
   * and its time to live starts again. A handoff that is not a dead letter also starts its time to live again.
   * @throws as {@link claim}, except ERR_TEMP_HANDOFF_DEAD and ERR_TEMP_QUOTA; ERR_TEMP_NO_SPACE
   * @example
   * ```ts
   * import { TempFileManager } from 'temp-file-manager'
   *
   * await using manager = new TempFileManager({ name: 'poison', handoff: { maxAttempts: 1 } })
   * const ticket = await (await manager.receive('job')).handOff()
   * await manager.withClaim(ticket, () => { throw new Error('cannot parse it') }).catch(() => {})
   * const info = await manager.inspect(ticket)
   * console.log(info.state, info.lastError) // dead cannot parse it
   * await manager.retry(ticket)
   * await manager.withClaim(ticket, (claim) => console.log(claim.attempt)) // 2
   * ```
   * @category Handoffs
   */
  retry(ticket: string): Promise<void>
}
