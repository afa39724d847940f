// One session judged: facts gathered, verdict passed, reason put into words. Shared by the sweep, by a claimant
// that finds its handoff with another, and by those who only list.

import { type MountTable, readMounts } from '../disk/mounts.ts'
import { forLog } from '../input/names.ts'
import type { Root } from '../layout.ts'
import { type Evidence, gather, glance, observer } from './evidence.ts'
import type { Owner } from './owner-record.ts'
import { verdict } from './verdict.ts'

export interface Judgement {
  readonly verdict: 'alive' | 'dead' | 'unknown'
  /** In words for an operator: 'owner alive (pid 1234, lease answers)'. */
  readonly reason: string
  readonly owner: Owner | undefined
}

/** All evidence heard. */
export async function judge(
  root: Root,
  directory: string,
  id: string,
  mounts: MountTable = readMounts(),
): Promise<Judgement> {
  return pass(await gather(observer(root, mounts), directory, id))
}

/**
 * Enough to look closer, never enough to bury: where the owner's own process or thread is proved dead, its lease is
 * left for the judgement that decides. Halves what a sweep asks of the sockets of the dead.
 */
export async function suspect(
  root: Root,
  directory: string,
  id: string,
  mounts: MountTable,
): Promise<Judgement> {
  const brief = pass(glance(observer(root, mounts), directory, id))
  return brief.verdict === 'dead' ? brief : await judge(root, directory, id, mounts)
}

function pass({ facts, owner, problem }: Evidence): Judgement {
  const passed = verdict(facts)
  const named = owner === undefined ? passed.reason : passed.reason.replace('(', `(pid ${owner.pid}, `)
  const reason = problem === undefined ? named : `${named}: ${forLog(problem)}`
  return { verdict: passed.verdict, reason, owner }
}
