// The methods that create, continue and list partial uploads. The implementation is in manager.ts.

import type {
  CreateUploadOptions,
  OpenUploadOptions,
  PartialUpload,
  UploadInfo,
} from '../uploads/upload-types.ts'

/** How a manager creates, continues and lists partial uploads. */
export interface UploadMethods {
  /**
   * Creates a partial upload and claims it. Its bytes may arrive in any number of requests, across interruptions and
   * restarts. Its protocols are in `temp-file-manager/resumable` and `temp-file-manager/tus`.
   * @throws ERR_TEMP_OPTION_INVALID, ERR_TEMP_TOO_LARGE, ERR_TEMP_TOO_SMALL, ERR_TEMP_TYPE_REJECTED (by its declared name
   * and type), ERR_TEMP_QUOTA and ERR_TEMP_NO_SPACE (the declared length is reserved over the whole root), ERR_TEMP_EXISTS,
   * ERR_TEMP_IO, ERR_TEMP_UNSAFE_ROOT, ERR_TEMP_CLOSED
   * @example
   * ```ts
   * import { getTempManager } from 'temp-file-manager'
   *
   * const manager = getTempManager()
   * const upload = await manager.createUpload({ length: 10, originalName: 'a.txt' })
   * await upload.append('first')
   * await upload.release() // the process may end here
   *
   * await using again = await manager.openUpload(upload.id)
   * await again.append('again')
   * const { ticket, bytes } = await again.finish()
   * console.log(again.offset, bytes) // 10 10
   * await manager.discard(ticket)
   * ```
   * @category Partial uploads
   */
  createUpload(options?: CreateUploadOptions): Promise<PartialUpload>

  /**
   * Claims a partial upload, to continue it.
   * @throws ERR_TEMP_TICKET_INVALID, ERR_TEMP_HANDOFF_GONE, ERR_TEMP_HANDOFF_CLAIMED (a living process writes to it),
   * ERR_TEMP_HANDOFF_CORRUPT, ERR_TEMP_SESSION_LOST, ERR_TEMP_OPTION_INVALID, ERR_TEMP_IO, ERR_TEMP_CLOSED
   * @category Partial uploads
   */
  openUpload(id: string, options?: OpenUploadOptions): Promise<PartialUpload>

  /**
   * Lists all partial uploads of the root, and finished ones that are still known.
   * @throws ERR_TEMP_UNSAFE_ROOT, ERR_TEMP_IO
   * @category Partial uploads
   */
  uploads(): Promise<UploadInfo[]>
}
