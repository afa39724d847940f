// All partial uploads of a root, without claiming any. Guarantee: looks only; one that moves meanwhile is listed once.

import { lastByteAt, leftOf } from '../claimable/upload-expiry.ts'
import { readUpload } from '../claimable/upload-record.ts'
import { readState } from '../claimable/upload-state.ts'
import type { Context } from '../context.ts'
import { errnoOf, ioError } from '../errors.ts'
import { DATA, inside } from '../layout.ts'
import { readOwner } from '../liveness/owner-record.ts'
import { volumeNow } from '../liveness/volume-clock.ts'
import { readResult } from './finished.ts'
import { uploadDirectories } from './reserve.ts'
import type { UploadInfo } from './upload-types.ts'

/** @throws ERR_TEMP_IO */
export function listUploads(context: Context): UploadInfo[] {
  try {
    const now = volumeNow(context)
    const found = new Map<string, UploadInfo>()
    for (const { id, directory, session } of uploadDirectories(context)) {
      const info = found.has(id) ? undefined : describe(context, { id, directory, session }, now)
      if (info !== undefined) found.set(id, info)
    }
    return [...found.values()]
  } catch (error) {
    throw ioError(error, 'list the uploads', context.layout.root)
  }
}

function describe(
  context: Context,
  { id, directory, session }: { id: string; directory: string; session: string | undefined },
  now: number | undefined,
): UploadInfo | undefined {
  const read = readUpload(context, directory, id)
  const state = readState(context, directory)
  if (read.state === 'missing' || state === undefined) return undefined // it moved, or is being created
  const record = read.state === 'read' ? read.record : undefined
  const result = state.done ? readResult(context, directory) : undefined
  const last = lastByteAt(context, directory, state)
  const owner = session === undefined ? undefined : readOwner(context.fs, session, idOfSession(session))
  const writer =
    session === undefined
      ? undefined
      : owner?.state === 'read'
        ? { pid: owner.owner.pid, hostname: owner.owner.hostname }
        : { pid: undefined, hostname: undefined }
  return {
    id,
    state:
      record === undefined
        ? 'corrupt'
        : state.done
          ? 'finished'
          : writer === undefined
            ? 'waiting'
            : 'receiving',
    bytes: state.done ? 0 : sizeOf(context, directory, record?.name),
    length: state.done ? result?.bytes : (record?.length ?? state.length),
    originalName: record?.originalName,
    meta: record?.meta,
    ticket: result?.ticket,
    createdAtMs: record?.createdAt,
    ageMs: now === undefined || last === undefined ? undefined : Math.max(0, now - last),
    expiresInMs: writer === undefined ? leftOf(context, directory, id, now) : undefined,
    writer,
    problem: read.state === 'refused' ? read.why : undefined,
  }
}

function idOfSession(session: string): string {
  return session.slice(session.lastIndexOf('s-') + 2)
}

function sizeOf({ fs }: Context, directory: string, name: string | undefined): number {
  if (name === undefined) return 0
  try {
    return fs.lstatSync(inside(inside(directory, DATA), name)).size
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return 0
    throw error
  }
}
