// Room for uploads, reserved over the whole root. Guarantee: every process sees the reservation of a declared length as soon
// as the upload's record is in its creator's claims; it is freed when the upload ends, or by the proof that a creator died
// before the upload was admitted.

import { readUpload } from '../claimable/upload-record.ts'
import { readState } from '../claimable/upload-state.ts'
import type { Context } from '../context.ts'
import { TempFileError } from '../errors.ts'
import type { Session } from '../session/session.ts'
import { contentOf } from './upload-content.ts'
import { lookAtUploads, type UploadPlace } from './upload-places.ts'

/** The bytes and files that the uploads of a root use and will use. */
interface Promised {
  /** Bytes that are declared and not there yet. */
  readonly coming: number
  /** The larger of length and size of each. */
  readonly total: number
  /** One of them was not admitted yet: its creator may still withdraw it. */
  readonly unsettled: boolean
}

const NOTHING: Promised = { coming: 0, total: 0, unsettled: false }

/** All uploads of the root but `except`. */
async function promised(context: Context, except: string): Promise<Promised> {
  const others = await lookAtUploads(context, (place) =>
    place.id === except ? NOTHING : promisedBy(context, place),
  )
  return {
    coming: others.reduce((sum, { coming }) => sum + coming, 0),
    total: others.reduce((sum, { total }) => sum + total, 0),
    unsettled: others.some(({ unsettled }) => unsettled),
  }
}

/** Undefined when it is not there. */
function promisedBy(context: Context, { id, directory }: UploadPlace): Promised | undefined {
  const read = readUpload(context, directory, id)
  if (read.state === 'missing') return undefined
  const state = readState(context, directory)
  if (read.state !== 'read') return NOTHING
  const { size = 0, done } = contentOf(context, directory, read.record.name, state)
  if (done) return NOTHING
  const length = read.record.length ?? state?.length ?? size
  return {
    coming: Math.max(0, length - size),
    total: Math.max(length, size),
    unsettled: state === undefined,
  }
}

/**
 * Whether the root has room for an upload of `length` bytes beside all that is promised to others. Resolves with what is
 * promised to them; 0 where nothing is limited.
 * @throws ERR_TEMP_QUOTA, ERR_TEMP_NO_SPACE; `unsettled` in their details: another creation may still withdraw
 */
export async function checkRoomFor(session: Session, id: string, length: number): Promise<number> {
  const { quota, context } = session
  if (quota.totalBytes === Number.POSITIVE_INFINITY && quota.minFreeBytes === 0) return 0
  const others = await promised(context, id)
  try {
    quota.checkRoom(others.total + length)
    await quota.checkFree(context.layout.uploads, others.coming + length)
    return others.total
  } catch (error) {
    if (!(error instanceof TempFileError) || !others.unsettled) throw error
    throw new Unsettled(error)
  }
}

/** As {@link checkRoomFor}, for an upload that exists: it does not wait for a creation that may still withdraw. */
export async function requireRoom(session: Session, id: string, length: number): Promise<number> {
  try {
    return await checkRoomFor(session, id, length)
  } catch (error) {
    throw error instanceof Unsettled ? error.refusal : error
  }
}

/** There would be room if a creation that is under way withdraws. Never leaves the library. */
export class Unsettled extends Error {
  readonly refusal: TempFileError

  constructor(refusal: TempFileError) {
    super('another upload is being created')
    this.refusal = refusal
  }
}
