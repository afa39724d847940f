// Everything behind the routes, the same for Express and Fastify: the manager, the jobs with their worker pool,
// the archive. Guarantee: close() ends them in the order that loses nothing.

import type { SweepItem, TempFileManager } from 'temp-file-manager'
import { type Archive, startArchive } from './archive.ts'
import { JobBook } from './jobs.ts'
import { openManager } from './manager.ts'

/** The contents of the root at a start. */
export interface Found {
  /** Sessions of dead processes, and their bytes, that were removed. */
  readonly sessions: number
  readonly bytes: number
  /** Open jobs that were taken up again. */
  readonly jobs: number
  /** The sweep's decision about each entry, with its reason. */
  readonly verdicts: readonly Pick<SweepItem, 'name' | 'action' | 'reason'>[]
}

export interface ClipService {
  readonly manager: TempFileManager
  readonly jobs: JobBook
  readonly archive: Archive
  readonly found: Found
  close(): Promise<void>
}

export async function startService(): Promise<ClipService> {
  const manager = openManager()
  const jobs = new JobBook(manager, { work: process.env['CLIP_WORK'] !== 'off' })
  // The manager sweeps by itself at its first use; this call makes its report available.
  const report = await manager.sweep()
  const archive = await startArchive(manager)
  const found = {
    sessions: report.sessionsRemoved,
    bytes: report.bytes,
    jobs: await jobs.recover(),
    verdicts: report.items.map(({ name, action, reason }) => ({ name, action, reason })),
  }
  return {
    manager,
    jobs,
    archive,
    found,
    close: async () => {
      await jobs.close()
      await archive.close()
      await manager.close()
    },
  }
}
