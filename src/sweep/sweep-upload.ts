// One entry of uploads/. Guarantee: only a partial upload that is overdue by the boot clock or the volume's clock is removed;
// one whose record cannot be read stays.

import { expireUpload, leftOf } from '../claimable/upload-expiry.ts'
import { inside, isUploadId } from '../layout.ts'
import { type Finding, foreign, foreignAt, keep, type SweepRun, wouldRemove } from './sweep-finding.ts'

export const UPLOAD_EXPIRED = 'no byte arrived within its time to live'

/** Decides about the entry `name`. Throws the system's error. */
export function sweepUpload(run: SweepRun, name: string): Finding {
  const { layout, clocks } = run
  if (!isUploadId(name)) return foreign()
  const directory = inside(layout.uploads, name)
  const notOurs = foreignAt(run.fs, directory, 'upload')
  if (notOurs !== undefined) return notOurs
  const left = leftOf(run, directory, name, clocks)
  if (left === undefined || clocks.volume === undefined) return keep('upload', 'its age is unknown')
  if (left >= 0) return keep('upload', 'waits for its client')
  if (run.dryRun) return wouldRemove('upload', UPLOAD_EXPIRED)
  const path = expireUpload(run, name, clocks)
  if (path === undefined) return keep('upload', 'it was claimed meanwhile')
  return { kind: 'upload', action: 'removed', reason: UPLOAD_EXPIRED, expired: name, condemned: { path } }
}
