// One entry of sessions/, by what its name says it is. Promise: only what is named and proven so is touched.
//   s-      judge; dead: bury (rename to .dead-, judge again, .gone-, delete)
//   .dead-  judge; dead: .gone-, delete; else rename it back
//   .gone-  finish the deletion without judging
//   .new-   older than an hour by the volume's clock: remove

import { type Clocks, type HandoffRoot, settleExpiry } from '../claimable/expiry.ts'
import { settleUploadExpiry } from '../claimable/upload-expiry.ts'
import type { MountTable } from '../disk/mounts.ts'
import { errnoOf } from '../errors.ts'
import { forLog } from '../input/names.ts'
import { inside, isTicket, isUploadId, parseSessionsEntry, type SessionsEntry } from '../layout.ts'
import { judge, suspect } from '../liveness/judge.ts'
import type { Policy } from '../liveness/verdict.ts'
import { DRAFT_AGE_MS } from '../liveness/volume-clock.ts'
import { type Burial, buryIfDead, condemn, finish } from '../removal/remove-session.ts'
import type { ReportBuilder, SweepItem } from './report.ts'

/** What the sweep of one entry works with. */
export interface EntrySweep extends HandoffRoot {
  readonly ownId: string | undefined
  readonly mounts: MountTable
  /** The volume's now; undefined when it could not be asked, and nothing is old. */
  readonly now: number | undefined
  readonly clocks: Clocks
  readonly dryRun: boolean
  /** When a session that nothing proves dead is removed all the same. */
  readonly policy: Policy
  readonly report: ReportBuilder
}

/** Runs deletions one after the other. */
export type InTurn = <T>(work: () => Promise<T>) => Promise<T>

export async function sweepSession(
  by: EntrySweep,
  name: string,
  inTurn: InTurn,
  signal: AbortSignal | undefined,
): Promise<void> {
  try {
    await sweepEntry(by, name, inTurn, signal)
  } catch (error) {
    if (errnoOf(error) !== 'ENOENT' || stands(by, name)) throw error
    const kind = parseSessionsEntry(name)
    by.report.add({
      name: `sessions/${forLog(name)}`,
      kind: kind === undefined ? 'foreign' : kindOf(kind),
      action: 'left-to-others',
      reason: 'it went while it was looked at',
      files: 0,
      bytes: 0,
    })
  }
}

function stands(by: EntrySweep, name: string): boolean {
  try {
    by.fs.lstatSync(inside(by.layout.sessions, name))
    return true
  } catch (error) {
    return errnoOf(error) !== 'ENOENT'
  }
}

async function sweepEntry(
  by: EntrySweep,
  name: string,
  inTurn: InTurn,
  signal: AbortSignal | undefined,
): Promise<void> {
  const { fs, layout, report } = by
  const parsed = parseSessionsEntry(name)
  const path = inside(layout.sessions, name)
  const tell = (
    kind: SweepItem['kind'],
    action: SweepItem['action'],
    reason: string,
    burial?: Burial,
  ): void => {
    const { files = 0, bytes = 0 } = burial?.removed ?? {}
    const left = burial === undefined ? undefined : leftOf(burial)
    report.add({
      name: `sessions/${forLog(name)}`,
      kind,
      action: left === undefined ? action : 'kept',
      reason: left === undefined ? reason : `${reason}; not all of it could be removed: ${left}`,
      files,
      bytes,
    })
    if (burial === undefined) return
    report.givenBack(burial.claims.returned)
    for (const { name: claim, why } of burial.claims.stuck) report.error(`claims/${forLog(claim)}`, why)
    for (const { reason: why } of burial.removed.kept)
      report.error(`sessions/${forLog(name)}`, `kept: ${why}`)
    for (const { error } of burial.removed.errors)
      report.error(`sessions/${forLog(name)}`, errnoOf(error) ?? String(error))
  }
  if (parsed === undefined) return tell('foreign', 'kept', 'not made by this package')
  const kind = kindOf(parsed)
  const stats = fs.lstatSync(path)
  if (!stats.isDirectory()) return tell('foreign', 'kept', 'not a directory')
  const uid = process.geteuid?.()
  if (uid !== undefined && stats.uid !== uid) return tell('foreign', 'kept', 'belongs to another user')

  if (parsed.kind === 'gone') {
    if (by.dryRun) return tell(kind, 'would-remove', 'condemned')
    return tell(kind, 'removed', 'condemned', await inTurn(() => finish(by, path, { signal })))
  }
  if (parsed.kind === 'new') {
    const old = by.now !== undefined && by.now - stats.ctimeMs > DRAFT_AGE_MS
    if (!old) return tell(kind, 'kept', 'being made')
    if (by.dryRun) return tell(kind, 'would-remove', 'a draft over an hour old')
    const gone = condemn(by, path, parsed.id)
    return tell(kind, 'removed', 'a draft over an hour old', await inTurn(() => finish(by, gone, { signal })))
  }
  if (parsed.kind === 'dead' && isTicket(parsed.id)) {
    if (by.dryRun) return tell('handoff', 'kept', 'suspected to be expired')
    const gone = settleExpiry(by, path, parsed.id, by.clocks)
    if (gone === undefined) return tell('handoff', 'kept', 'was suspected to be expired; put back')
    report.expired(parsed.id)
    return tell(
      'handoff',
      'removed',
      'its time to live is over',
      await inTurn(() => finish(by, gone, { signal })),
    )
  }
  if (parsed.kind === 'dead' && isUploadId(parsed.id)) {
    if (by.dryRun) return tell('upload', 'kept', 'suspected to be expired')
    const gone = settleUploadExpiry(by, path, parsed.id, by.clocks)
    if (gone === undefined) return tell('upload', 'kept', 'was suspected to be expired; put back')
    report.uploadExpired(parsed.id)
    const reason = 'no byte arrived within its time to live'
    return tell('upload', 'removed', reason, await inTurn(() => finish(by, gone, { signal })))
  }
  if (parsed.kind === 'live' && parsed.id === by.ownId)
    return tell(kind, 'kept', "this manager's own session")

  const { policy, mounts, now } = by
  const place = { directory: path, id: parsed.id }
  const look = by.dryRun ? judge : suspect // a dry run reports all evidence, so it takes no shortcut
  const judged = await look(by, place, { policy, mounts, now })
  const spared = judged.verdict === 'alive' || judged.verdict === 'unknown'
  if (by.dryRun) return tell(kind, spared ? 'kept' : 'would-remove', judged.reason)
  if (spared && parsed.kind === 'live') return tell(kind, 'kept', judged.reason)
  const fate = await buryIfDead(by, place, { policy, now, inTurn, signal })
  if (fate.fate === 'taken') return tell(kind, 'left-to-others', 'somebody else was at it first')
  if (fate.fate === 'buried') return tell(kind, 'removed', fate.reason, fate.burial)
  return tell(kind, fate.fate === 'spared' ? 'spared' : 'kept', fate.reason)
}

/** What of a condemned session still stands, for the next sweep to try; undefined when nothing does. */
function leftOf({ claims, removed }: Burial): string | undefined {
  const [kept] = removed.kept
  if (kept !== undefined) return kept.reason
  const [failed] = removed.errors
  if (failed !== undefined) return errnoOf(failed.error) ?? String(failed.error)
  return claims.stuck[0] === undefined ? undefined : 'a claim could not be given back'
}

function kindOf(entry: SessionsEntry): SweepItem['kind'] {
  return ({ live: 'session', new: 'draft', dead: 'tombstone', gone: 'condemned' } as const)[entry.kind]
}
