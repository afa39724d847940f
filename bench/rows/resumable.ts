// Resumable uploads in one request: the IETF protocol against receiveBody(), which cannot be resumed; tus against
// @tus/server with its own file store.

import { type Disk, onEachDisk } from '../measure/disks.ts'
import type { Effort } from '../measure/effort.ts'
import type { Row } from '../measure/verdict.ts'
import { compare, contest } from './uploads.ts'

const MB = 1024 * 1024

export function resumable(effort: Effort): Promise<Row[]> {
  return onEachDisk(effort.directory, (disk) => onDisk(effort, disk))
}

async function onDisk(effort: Effort, { directory, name }: Disk): Promise<Row[]> {
  const bytes = effort.of(256, 32) * MB
  const load = { count: 1, bytes, servers: effort.of(4, 1), rounds: 3 }
  const ietf = await contest(
    directory,
    {
      body: ['/body', 'raw'],
      ours: ['/resumable', 'raw'],
      durable: ['/resumable-durable', 'raw'],
    } as const,
    load,
  )
  const tus = await contest(
    directory,
    {
      theirs: ['/tus-file-store', 'tus'],
      ours: ['/tus', 'tus'],
      durable: ['/tus-durable', 'tus'],
    } as const,
    load,
  )
  const where = `${bytes / MB} MB, ${name}`
  const inGroup = (rows: readonly Row[]): Row[] => rows.map((row) => ({ ...row, group: 'resumable' }))
  return [
    ...inGroup(
      compare({
        what: `resumableUploads(), not synced, ${where}`,
        against: 'receiveBody()',
        ours: ietf.ours,
        theirs: ietf.body,
        target: { atLeast: 0.9 },
      }),
    ),
    ...inGroup(
      compare({
        what: `resumableUploads(), ${where}`,
        against: 'receiveBody()',
        ours: ietf.durable,
        theirs: ietf.body,
      }),
    ),
    ...inGroup(
      compare({
        what: `tusServer(), not synced, ${where}`,
        against: '@tus/server, @tus/file-store',
        ours: tus.ours,
        theirs: tus.theirs,
        target: { atLeast: 1.2 },
      }),
    ),
    ...inGroup(
      compare({
        what: `tusServer(), ${where}`,
        against: '@tus/server, @tus/file-store',
        ours: tus.durable,
        theirs: tus.theirs,
      }),
    ),
  ]
}
