// One entry of handoffs/, by what it is. Guarantee: only a handoff whose time to live is over is removed; a dead letter, and
// one whose record cannot be read, stays.

import { expire, isOverdue, stateOf } from '../claimable/expiry.ts'
import { forLog } from '../input/names.ts'
import { inside, isTicket, parseSessionsEntry } from '../layout.ts'
import { DRAFT_AGE_MS } from '../liveness/volume-clock.ts'
import { condemn, finish } from '../removal/remove-session.ts'
import type { SweepItem } from './report.ts'
import type { EntrySweep, InTurn } from './sweep-session.ts'

export async function sweepHandoff(
  by: EntrySweep,
  ticket: string,
  inTurn: InTurn,
  signal: AbortSignal | undefined,
): Promise<void> {
  const { fs, layout, now, report } = by
  const directory = inside(layout.handoffs, ticket)
  const tell = (
    kind: SweepItem['kind'],
    action: SweepItem['action'],
    reason: string,
    { files, bytes } = { files: 0, bytes: 0 },
  ): void => report.add({ name: `handoffs/${forLog(ticket)}`, kind, action, reason, files, bytes })

  if (parseSessionsEntry(ticket)?.kind === 'new') {
    // The empty directory of a root's test rename, left by a kill in between.
    const old = now !== undefined && now - fs.lstatSync(directory).ctimeMs > DRAFT_AGE_MS
    if (!old) return tell('draft', 'kept', 'a draft being made')
    if (by.dryRun) return tell('draft', 'would-remove', 'a draft over an hour old')
    await finish(by, condemn(by, directory, '0'), { signal })
    return tell('draft', 'removed', 'a draft over an hour old')
  }
  if (!isTicket(ticket)) return tell('foreign', 'kept', 'not made by this package')
  const state = stateOf(by, directory, ticket)
  const keep = (reason: string): void => tell('handoff', 'kept', reason)
  if (state.read.state === 'missing') return keep('it has no record')
  if (state.read.state === 'refused') return keep(`its record is damaged: ${forLog(state.read.why)}`)
  if (state.dead) return keep('a dead letter: retry or discard it')
  if (!isOverdue(state, by.clocks)) return keep('waits for a claimant')
  const reason = 'its time to live is over'
  if (by.dryRun) return tell('handoff', 'would-remove', reason)
  const gone = expire(by, ticket, by.clocks)
  if (gone === undefined) return keep('it was claimed meanwhile')
  const { removed } = await inTurn(() => finish(by, gone, { signal }))
  report.expired(ticket)
  tell('handoff', 'removed', reason, removed)
}
