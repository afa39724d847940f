// One session judged: evidence gathered, verdict returned, reason put into words. Shared by the sweep, by a claimant
// that finds its handoff claimed, and by those who only list.

import { type MountTable, recentMounts } from '../disk/mounts.ts'
import { isMissing } from '../disk/paths.ts'
import { forLog } from '../input/names.ts'
import { HELD, inside, type Root } from '../layout.ts'
import { type Gathered, gather, glance, type Observer, observer } from './evidence.ts'
import type { SessionPlace } from './lease.ts'
import type { Owner } from './owner.ts'
import { type Policy, type Verdict, verdict } from './verdict.ts'
import { volumeNow } from './volume-clock.ts'

export interface Judgement {
  readonly verdict: Verdict['verdict']
  /** In words for an operator: 'owner alive (pid 1234, lease answers)'. */
  readonly reason: string
  readonly owner: Owner | undefined
}

/** The input of a judgement. */
export interface JudgeOptions {
  readonly policy?: Policy | undefined
  /** A mount table that is known to be fresh; read again by default. */
  readonly mounts?: MountTable | undefined
  /** The volume's now; asked by default. */
  readonly now?: number | undefined
}

/** With all evidence. */
export async function judge(root: Root, place: SessionPlace, options: JudgeOptions = {}): Promise<Judgement> {
  return conclude(await gather(observerOf(root, options), place), options)
}

/**
 * Enough to suspect, never enough to delete: where the owner's process or thread is proved dead, its lease is
 * left to the judgement that decides. Halves what a sweep asks of the sockets of the dead. A child that has a lease would
 * miss its directory while it has a tombstone's name, so there the lease is asked at once.
 */
export async function suspect(root: Root, place: SessionPlace, options: JudgeOptions): Promise<Judgement> {
  const brief = conclude(glance(observerOf(root, options), place), options)
  const decides = brief.verdict === 'dead' && isMissing(root.fs, inside(place.directory, HELD))
  return decides ? brief : await judge(root, place, options)
}

function observerOf(root: Root, { policy = {}, mounts, now }: JudgeOptions): Observer {
  const wantsAges = policy.removeUnknownAfterMs !== undefined || policy.staleAfterMs !== undefined
  return {
    ...observer(root, mounts ?? recentMounts(root.fs, root.layout.root)),
    wantsAges,
    now: () => now ?? volumeNow(root),
  }
}

function conclude({ evidence, owner, pid, problem }: Gathered, { policy = {} }: JudgeOptions): Judgement {
  const passed = verdict(evidence, policy)
  const named = pid === undefined ? passed.reason : passed.reason.replace(/^(owner \w+ \()/, `$1pid ${pid}, `)
  const reason = problem === undefined ? named : `${named}: ${forLog(problem)}`
  return { verdict: passed.verdict, reason, owner }
}
