// The door of partial uploads: what the manager loads when the first one is created, opened or listed.

import { ioError } from '../errors.ts'
import type { Session } from '../session/session.ts'
import { claimUpload, requireUploadId, takeOver } from './claim-upload.ts'
import { createUpload } from './create-upload.ts'
import { prepareCreation, prepareOpening } from './rules.ts'
import { Upload, type UploadDoor } from './upload.ts'
import { uploadIdOf } from './upload-id.ts'
import type { CreateUploadOptions, OpenUploadOptions, PartialUpload } from './upload-types.ts'

export { listUploads } from './list-uploads.ts'

export async function create(
  session: Session,
  options: CreateUploadOptions,
  door: UploadDoor,
): Promise<PartialUpload> {
  return new Upload(await createUpload(session, prepareCreation(options)), door)
}

export async function openPartial(
  session: Session,
  id: string,
  options: OpenUploadOptions,
  door: UploadDoor,
): Promise<PartialUpload> {
  const prepared = prepareOpening(options)
  requireUploadId(typeof id === 'string' ? uploadIdOf(id) : id)
  const wanted = uploadIdOf(id)
  try {
    const claiming = prepared.takeOver ? takeOver(session, wanted, prepared) : claimUpload(session, wanted)
    return new Upload(await claiming, door)
  } catch (error) {
    throw ioError(error, 'open the upload') // a look that the system refused
  }
}
