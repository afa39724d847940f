// The entries on disk under a root, and the processes that own them. Guarantee: it changes nothing; an entry that is
// removed meanwhile is left out.

import type { Context } from '../context.ts'
import { measureUserFiles } from '../disk/measure.ts'
import { readMounts } from '../disk/mounts.ts'
import { ioError } from '../errors.ts'
import { readableNames } from '../handoff/claim-index.ts'
import type { HandoffInfo } from '../handoff/info.ts'
import { listHandoffs } from '../handoff/list.ts'
import { inside, isTicket, isUploadId, parseSessionsEntry } from '../layout.ts'
import { judge } from '../liveness/judge.ts'
import { type KeptUsage, listKept } from '../removal/kept.ts'
import { listUploads } from '../uploads/list-uploads.ts'
import type { UploadInfo } from '../uploads/upload-types.ts'

/**
 * One session as {@link TempFileManager.usage} found it.
 * @category Maintenance
 */
export interface SessionUsage {
  /** Its directory's name under `sessions/`. */
  readonly name: string
  readonly state: 'live' | 'draft' | 'tombstone' | 'condemned'
  readonly verdict: 'alive' | 'dead' | 'unknown'
  readonly reason: string
  readonly pid: number | undefined
  readonly hostname: string | undefined
  readonly program: string | undefined
  /** When its owner started, by the owner's clock; milliseconds since 1970. */
  readonly startedAtMs: number | undefined
  /** The user's files of any kind inside it, claimed handoffs included, and their sizes in bytes; no record of this package. */
  readonly files: number
  readonly bytes: number
}

/**
 * The result of {@link TempFileManager.usage}.
 * @category Maintenance
 */
export interface RootUsage {
  readonly root: string
  readonly files: number
  readonly bytes: number
  readonly sessions: readonly SessionUsage[]
  readonly handoffs: readonly HandoffInfo[]
  /** Partial uploads, and finished ones that are still known. */
  readonly uploads: readonly UploadInfo[]
  /** Directories that `preserve` kept for debugging. */
  readonly kept: readonly KeptUsage[]
}

/** Measures everything under the root. @throws ERR_TEMP_UNSAFE_ROOT, ERR_TEMP_IO */
export async function measureRoot(context: Context): Promise<RootUsage> {
  try {
    return await measure(context)
  } catch (error) {
    throw ioError(error, 'measure the root directory for temporary files', context.layout.root)
  }
}

async function measure(context: Context): Promise<RootUsage> {
  const { fs, layout } = context
  const mounts = readMounts()
  const sessions: SessionUsage[] = []
  for (const name of readableNames(fs, layout.sessions)) {
    const entry = parseSessionsEntry(name)
    if (entry === undefined || isTicket(entry.id) || isUploadId(entry.id)) continue // or the tombstone of a handoff or upload
    const directory = inside(layout.sessions, name)
    const judged = await judge(context, { directory, id: entry.id }, { mounts })
    const { files, bytes } = await measureUserFiles(fs, directory)
    sessions.push({
      name,
      state: ({ live: 'live', new: 'draft', dead: 'tombstone', gone: 'condemned' } as const)[entry.kind],
      verdict: judged.verdict === 'wait' ? 'unknown' : judged.verdict, // 'wait' needs a policy
      reason: judged.reason,
      pid: judged.owner?.pid,
      hostname: judged.owner?.hostname,
      program: judged.owner?.program,
      startedAtMs: judged.owner?.startedAt,
      files,
      bytes,
    })
  }
  const handoffs = await listHandoffs(context)
  const kept = await listKept(context)
  const uploads = await listUploads(context)
  const parts = [
    ...sessions,
    ...kept,
    ...handoffs.filter(({ state }) => state !== 'claimed'), // a claimed one is in its claimant's session
    ...uploads.flatMap(({ writer, state, bytes }) => {
      const counted = writer === undefined && state !== 'finished' // else its session or its handoff counts it
      return counted ? [{ files: 1, bytes }] : []
    }),
  ]
  return {
    root: layout.root,
    files: parts.reduce((sum, part) => sum + part.files, 0),
    bytes: parts.reduce((sum, part) => sum + part.bytes, 0),
    sessions,
    handoffs,
    uploads,
    kept,
  }
}
