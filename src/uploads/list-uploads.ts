// All partial uploads of a root, without claiming any. Guarantee: looks only; one that moves meanwhile is listed, once.

import { type Clocks, clocksNow } from '../claimable/expiry.ts'
import { ageOf, leftOf } from '../claimable/upload-expiry.ts'
import { readUpload, type UploadRead } from '../claimable/upload-record.ts'
import { readState } from '../claimable/upload-state.ts'
import type { Context } from '../context.ts'
import { ioError } from '../errors.ts'
import { readOwner } from '../liveness/owner-record.ts'
import { contentOf } from './upload-content.ts'
import { lookAtUploads, type UploadPlace } from './upload-places.ts'
import type { UploadInfo } from './upload-types.ts'

/** @throws ERR_TEMP_IO */
export async function listUploads(context: Context): Promise<UploadInfo[]> {
  try {
    const clocks = clocksNow(context)
    return await lookAtUploads(context, (place) => describe(context, place, clocks))
  } catch (error) {
    throw ioError(error, 'list the uploads', context.layout.root)
  }
}

function describe(context: Context, place: UploadPlace, clocks: Clocks): UploadInfo | undefined {
  const { id, directory } = place
  const read = readUpload(context, directory, id)
  const state = readState(context, directory)
  if (read.state === 'missing' || state === undefined) return undefined // it moved, or is being created
  const record = read.state === 'read' ? read.record : undefined
  const { size, result, done } = contentOf(context, directory, record?.name, state)
  const writer = writerOf(context, place)
  const isWhole = done || writer !== undefined || (size ?? -1) >= state.offset
  const problem = problemOf(read, isWhole)
  return {
    id,
    state: problem === undefined ? conditionOf(done, writer) : 'corrupt',
    bytes: size ?? 0,
    length: done ? result?.bytes : (record?.length ?? state.length),
    originalName: record?.originalName,
    meta: record?.meta,
    ticket: result?.ticket,
    createdAtMs: record?.createdAt,
    ageMs: ageOf(context, directory, state, clocks),
    expiresInMs: writer === undefined ? leftOf(context, directory, id, clocks) : undefined,
    writer,
    problem,
  }
}

function problemOf(read: UploadRead, isWhole: boolean): string | undefined {
  if (read.state === 'refused') return read.why
  return isWhole ? undefined : 'some of its data is missing'
}

function conditionOf(done: boolean, writer: UploadInfo['writer']): UploadInfo['state'] {
  if (done) return 'finished'
  return writer === undefined ? 'waiting' : 'receiving'
}

/** The process in whose claims the upload is. */
function writerOf({ fs }: Context, { session }: UploadPlace): UploadInfo['writer'] {
  if (session === undefined) return undefined
  const read = readOwner(fs, session.path, session.id)
  if (read.state !== 'read') return { pid: undefined, hostname: undefined }
  return { pid: read.owner.pid, hostname: read.owner.hostname }
}
