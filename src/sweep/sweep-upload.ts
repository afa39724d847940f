// One entry of uploads/. Guarantee: only a partial upload that is overdue by the clock of this boot, or by the volume's clock, is removed; one whose
// record cannot be read stays.

import { expireUpload, leftOf } from '../claimable/upload-expiry.ts'
import { forLog } from '../input/names.ts'
import { inside, isUploadId } from '../layout.ts'
import { finish } from '../removal/remove-session.ts'
import type { SweepItem } from './report.ts'
import type { EntrySweep, InTurn } from './sweep-session.ts'

export async function sweepUpload(
  by: EntrySweep,
  id: string,
  inTurn: InTurn,
  signal: AbortSignal | undefined,
): Promise<void> {
  const { layout, clocks, report } = by
  const add = (
    kind: SweepItem['kind'],
    action: SweepItem['action'],
    reason: string,
    { files, bytes } = { files: 0, bytes: 0 },
  ): void => report.add({ name: `uploads/${forLog(id)}`, kind, action, reason, files, bytes })

  if (!isUploadId(id)) return add('foreign', 'kept', 'not made by this package')
  const left = leftOf(by, inside(layout.uploads, id), id, clocks)
  if (left === undefined || clocks.volume === undefined) return add('upload', 'kept', 'its age is unknown')
  if (left >= 0) return add('upload', 'kept', 'waits for its client')
  const reason = 'no byte arrived within its time to live'
  if (by.dryRun) return add('upload', 'would-remove', reason)
  const gone = expireUpload(by, id, clocks)
  if (gone === undefined) return add('upload', 'kept', 'it was claimed meanwhile')
  const { removed } = await inTurn(() => finish(by, gone, { signal }))
  report.uploadExpired(id)
  add('upload', 'removed', reason, removed)
}
