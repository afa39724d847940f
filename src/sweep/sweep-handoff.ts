// One entry of handoffs/, by what it is. Promise: only a handoff that is overdue by the volume's own clock goes, and
// what may still be claimed, or cannot be read, stays.

import { ageOf, expire, isOverdue } from '../handoff/expiry.ts'
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
    await finish(by, condemn(by, directory, '0'), signal)
    return tell('draft', 'removed', 'a draft over an hour old')
  }
  if (!isTicket(ticket)) return tell('foreign', 'kept', 'not made by this package')
  const age = ageOf(fs, directory, ticket)
  const keep = (reason: string): void => tell('handoff', 'kept', reason)
  if (age.read.state === 'missing') return keep('it has no record')
  if (age.read.state === 'refused') return keep(`its record cannot be believed: ${forLog(age.read.why)}`)
  if (!isOverdue(age, now) || now === undefined) return keep('waits for a claimant')
  const reason = 'nobody came within its time to live'
  if (by.dryRun) return tell('handoff', 'would-remove', reason)
  const gone = expire(by, ticket, now)
  if (gone === undefined) return keep('it was claimed meanwhile')
  const { removed } = await inTurn(() => finish(by, gone, signal))
  report.expired(ticket)
  tell('handoff', 'removed', reason, removed)
}
