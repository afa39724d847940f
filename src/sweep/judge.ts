// One session judged: facts gathered, verdict passed, reason put into words. Shared by the sweep, by a claimant
// that finds its handoff with another, and by those who only list.

import type { FileSystem } from '../disk/file-system.ts'
import { type MountTable, readMounts } from '../disk/mounts.ts'
import { forLog } from '../names.ts'
import type { Owner } from '../session/owner.ts'
import { gather, observer } from './evidence.ts'
import { verdict } from './verdict.ts'

export interface Judgement {
  readonly verdict: 'alive' | 'dead' | 'unknown'
  /** In words for an operator: 'owner alive (pid 1234, lease answers)'. */
  readonly reason: string
  readonly owner: Owner | undefined
}

export async function judge(
  context: { readonly fs: FileSystem; readonly native: boolean },
  directory: string,
  id: string,
  mounts: MountTable = readMounts(),
): Promise<Judgement> {
  const { facts, owner, problem } = await gather(observer(context, mounts), directory, id)
  const passed = verdict(facts)
  const named = owner === undefined ? passed.reason : passed.reason.replace('(', `(pid ${owner.pid}, `)
  const reason = problem === undefined ? named : `${named}: ${forLog(problem)}`
  return { verdict: passed.verdict, reason, owner }
}
