// Finds a handoff that is not in handoffs/. Guarantee: a claim of a dead owner is given back at once, so that a retry right
// after a crash does not wait for the next sweep.

import { clocksNow, type HandoffRoot, settleExpiry } from '../claimable/expiry.ts'
import { giveBack } from '../claimable/give-back.ts'
import { settleUploadExpiry } from '../claimable/upload-expiry.ts'
import { findSync } from '../disk/paths.ts'
import { isUploadId } from '../layout.ts'
import { type Judgement, judge } from '../liveness/judge.ts'
import { removeIfDead } from '../removal/condemn-if-dead.ts'
import { claimIndexOf, type Found, findClaim } from './claim-index.ts'

/**
 * The claimant of a handoff, as far as the record of the session shows it.
 * @category Handoffs
 */
export interface Claimant {
  readonly pid: number | undefined
  readonly hostname: string | undefined
  /** Milliseconds since 1970 by the volume's clock. */
  readonly claimedAtMs: number
  /** 'dead': the next claimant gets the handoff. 'unknown': nothing here can prove either. */
  readonly verdict: 'alive' | 'dead' | 'unknown'
  /** The evidence, in words. */
  readonly reason: string
}

export type Freed =
  | { readonly state: 'claimed'; readonly claimant: Claimant }
  /** It was given back, or is about to be: the caller looks into handoffs/ again. */
  | { readonly state: 'moving' }
  | { readonly state: 'nowhere' }

/** Finds who has claimed `id`, a ticket or an upload, and gives it back if the claimant is dead. */
export async function freeFromDead(root: HandoffRoot, id: string): Promise<Freed> {
  // An upload is created inside claims/, which the index does not notice.
  const found = isUploadId(id) ? findClaim(root, id) : await claimIndexOf(root).find(id)
  if (found === undefined) return { state: 'nowhere' }
  if (found.id === id) {
    if (isUploadId(id)) settleUploadExpiry(root, found.directory, id, clocksNow(root))
    else settleExpiry(root, found.directory, id, clocksNow(root))
    return { state: 'moving' }
  }
  if (found.kind === 'gone') {
    giveBack(root, found.claim, id)
    return { state: 'moving' }
  }
  const judged = await judge(root, found)
  if (judged.verdict === 'dead') {
    await removeIfDead(root, found)
    return { state: 'moving' }
  }
  const claimant = claimantOf(root, found, judged)
  return claimant !== undefined ? { state: 'claimed', claimant } : { state: 'moving' }
}

/** Undefined when the claim is no longer there. */
export function claimantOf({ fs }: HandoffRoot, found: Found, judged: Judgement): Claimant | undefined {
  const stats = findSync(fs, found.claim)
  if (stats === undefined) return undefined
  const { owner, reason } = judged
  const verdict = judged.verdict === 'wait' ? 'unknown' : judged.verdict
  const claimedAtMs = Math.floor(stats.ctimeMs)
  return { pid: owner?.pid, hostname: owner?.hostname, claimedAtMs, verdict, reason }
}
