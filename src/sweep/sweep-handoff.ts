// One entry of handoffs/. Guarantee: only a handoff whose time to live is over is removed; a dead letter, and one whose
// record cannot be read, stays.

import { expire, isOverdue, stateOf } from '../claimable/expiry.ts'
import { forLog } from '../input/names.ts'
import { inside, isTicket, parseSessionsEntry } from '../layout.ts'
import { sweepDraft } from './sweep-draft.ts'
import { type Finding, foreign, foreignAt, keep, type SweepRun, wouldRemove } from './sweep-finding.ts'

export const HANDOFF_EXPIRED = 'its time to live is over'

/** Decides about the entry `name`. Throws the system's error. */
export async function sweepHandoff(run: SweepRun, name: string): Promise<Finding> {
  const directory = inside(run.layout.handoffs, name)
  // The empty directory of a root's test rename, whose process was killed in between.
  const entry = parseSessionsEntry(name)
  if (entry?.kind === 'new') return await sweepDraft(run, { path: directory, id: entry.id })
  if (!isTicket(name)) return foreign()
  const notOurs = foreignAt(run.fs, directory, 'handoff')
  if (notOurs !== undefined) return notOurs
  const state = stateOf(run, directory, name)
  if (state.read.state === 'missing') return keep('handoff', 'it has no record')
  if (state.read.state === 'refused')
    return keep('handoff', `its record is damaged: ${forLog(state.read.why)}`)
  if (state.dead) return keep('handoff', 'a dead letter: retry or discard it')
  if (!isOverdue(state, run.clocks)) return keep('handoff', 'waits for a claimant')
  if (run.dryRun) return wouldRemove('handoff', HANDOFF_EXPIRED)
  const path = expire(run, name, run.clocks)
  if (path === undefined) return keep('handoff', 'it was claimed meanwhile')
  return { kind: 'handoff', action: 'removed', reason: HANDOFF_EXPIRED, expired: name, condemned: { path } }
}
