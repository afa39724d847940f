// Judges one entry of sessions/ by its name. Guarantee: only an entry with one of these names, owned by this user, is
// touched.
//   s-      judge; dead: rename to .dead-, judge again, then .gone-
//   .dead-  judge; dead: .gone-; else rename it back. A ticket or upload id: suspected to be expired
//   .gone-  delete, without judging
//   .new-   its maker is dead, or it is older than an hour by the volume's clock: .gone-

import { settleExpiry } from '../claimable/expiry.ts'
import { settleUploadExpiry } from '../claimable/upload-expiry.ts'
import { inside, isTicket, isUploadId, parseSessionsEntry, type SessionsEntry } from '../layout.ts'
import { judge, suspect } from '../liveness/judge.ts'
import { condemnIfDead } from '../removal/condemn-if-dead.ts'
import { sweepDraft } from './sweep-draft.ts'
import {
  type Finding,
  foreign,
  foreignAt,
  keep,
  leftToOthers,
  type SweepRun,
  wouldRemove,
} from './sweep-finding.ts'
import { HANDOFF_EXPIRED } from './sweep-handoff.ts'
import { UPLOAD_EXPIRED } from './sweep-upload.ts'

/** Decides about the entry `name`. Throws the system's error. */
export async function sweepSession(run: SweepRun, name: string): Promise<Finding> {
  const entry = parseSessionsEntry(name)
  if (entry === undefined) return foreign()
  const path = inside(run.layout.sessions, name)
  const notOurs = foreignAt(run.fs, path, 'session')
  if (notOurs !== undefined) return notOurs
  switch (entry.kind) {
    case 'gone':
      if (run.dryRun) return wouldRemove('condemned', 'condemned')
      return { kind: 'condemned', action: 'removed', reason: 'condemned', condemned: { path } }
    case 'new':
      return await sweepDraft(run, { path, id: entry.id })
    case 'dead':
      if (isTicket(entry.id) || isUploadId(entry.id)) return settleSuspect(run, path, entry.id)
      return await judgeSession(run, path, entry)
    case 'live':
      if (entry.id === run.ownId) return keep('session', "this manager's own session")
      return await judgeSession(run, path, entry)
  }
}

/** A handoff or partial upload under a tombstone's name: a sweeper was killed between its two looks. */
function settleSuspect(run: SweepRun, tombstone: string, id: string): Finding {
  const isUpload = isUploadId(id)
  const kind = isUpload ? 'upload' : 'handoff'
  if (run.dryRun) return keep(kind, 'suspected to be expired')
  const path = isUpload
    ? settleUploadExpiry(run, tombstone, id, run.clocks)
    : settleExpiry(run, tombstone, id, run.clocks)
  if (path === undefined) return keep(kind, 'was suspected to be expired; put back')
  const reason = isUpload ? UPLOAD_EXPIRED : HANDOFF_EXPIRED
  return { kind, action: 'removed', reason, expired: id, condemned: { path } }
}

async function judgeSession(run: SweepRun, directory: string, entry: SessionsEntry): Promise<Finding> {
  const { policy, mounts, now, signal } = run
  const kind = entry.kind === 'live' ? 'session' : 'tombstone'
  const place = { directory, id: entry.id }
  const look = run.dryRun ? judge : suspect // a dry run reports all evidence, so it takes no shortcut
  const { verdict, reason } = await look(run, place, { policy, mounts, now })
  const stays = verdict === 'alive' || verdict === 'unknown'
  if (run.dryRun) return stays ? keep(kind, reason) : wouldRemove(kind, reason)
  if (stays && entry.kind === 'live') return keep(kind, reason)
  const decision = await condemnIfDead(run, place, { policy, now, signal })
  switch (decision.outcome) {
    case 'condemned':
      return { kind, action: 'removed', reason: decision.reason, condemned: decision.condemned }
    case 'preserved':
      return { kind, action: 'preserved', reason: decision.reason }
    case 'kept':
      return keep(kind, decision.reason)
    case 'taken':
      return leftToOthers(kind)
  }
}
