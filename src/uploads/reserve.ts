// Room for uploads, reserved over the whole root. Guarantee: every process sees the reservation of a declared length as soon
// as the upload's record is in its creator's claims; it is freed when the upload ends, or by the proof that a creator died
// before the upload was admitted.

import { readUpload } from '../claimable/upload-record.ts'
import { readState } from '../claimable/upload-state.ts'
import type { Context } from '../context.ts'
import { findSync } from '../disk/paths.ts'
import { errnoOf, TempFileError } from '../errors.ts'
import { CLAIMS, DATA, inside, isUploadId, parseSessionsEntry } from '../layout.ts'
import type { Session } from '../session/session.ts'

/** What the uploads of a root have and will have. */
export interface Promised {
  /** Bytes that are declared and not there yet. */
  readonly coming: number
  /** The larger of length and size of each. */
  readonly total: number
  /** One of them was not admitted yet: its creator may still withdraw it. */
  readonly unsettled: boolean
}

/** All uploads of the root but `except`. */
function promised(context: Context, except: string): Promised {
  let [coming, total, unsettled] = [0, 0, false]
  for (const { id, directory } of uploadDirectories(context)) {
    if (id === except) continue
    const read = readUpload(context, directory, id)
    if (read.state !== 'read') continue
    const state = readState(context, directory)
    if (state?.done === true) continue
    const size = findSync(context.fs, inside(inside(directory, DATA), read.record.name))?.size ?? 0
    const length = read.record.length ?? state?.length ?? size
    coming += Math.max(0, length - size)
    total += Math.max(length, size)
    if (state === undefined) unsettled = true
  }
  return { coming, total, unsettled }
}

/**
 * Whether the root has room for an upload of `length` bytes beside all that is promised to others.
 * @throws ERR_TEMP_QUOTA, ERR_TEMP_NO_SPACE; `unsettled` in their details: another creation may still withdraw
 */
export async function checkRoomFor(session: Session, id: string, length: number): Promise<void> {
  const { quota, context } = session
  if (quota.totalBytes === Number.POSITIVE_INFINITY && quota.minFreeBytes === 0) return
  const others = promised(context, id)
  try {
    quota.checkRoom(others.total + length)
    await quota.checkFree(context.layout.uploads, others.coming + length)
  } catch (error) {
    if (!(error instanceof TempFileError) || !others.unsettled) throw error
    throw new Unsettled(error)
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

/** Where an upload is on disk. */
export interface UploadPlace {
  readonly id: string
  readonly directory: string
  /** The session that has claimed it. */
  readonly session: { readonly path: string; readonly id: string } | undefined
}

/** Every upload of the root, also those that are claimed. */
export function* uploadDirectories(context: Pick<Context, 'fs' | 'layout'>): Generator<UploadPlace> {
  const { layout } = context
  for (const id of namesIn(context, layout.uploads))
    if (isUploadId(id)) yield { id, directory: inside(layout.uploads, id), session: undefined }
  for (const name of namesIn(context, layout.sessions)) {
    const entry = parseSessionsEntry(name)
    if (entry === undefined || entry.kind === 'new' || isUploadId(entry.id)) continue
    const session = { path: inside(layout.sessions, name), id: entry.id }
    const claims = inside(session.path, CLAIMS)
    for (const id of namesIn(context, claims))
      if (isUploadId(id)) yield { id, directory: inside(claims, id), session }
  }
}

function namesIn({ fs }: Pick<Context, 'fs'>, directory: string): string[] {
  try {
    return fs.readdirSync(directory).map(String)
  } catch (error) {
    const errno = errnoOf(error)
    if (errno === 'ENOENT' || errno === 'ENOTDIR') return []
    throw error
  }
}
