// The methods that check existing files. The implementation is in manager.ts.

import type { CheckedFile, FileRules } from '../types.ts'

/** How a manager checks existing files. */
export interface CheckingMethods {
  /**
   * Checks an existing file against rules; nothing is moved or changed. Symbolic links and special files are refused.
   * @returns its size in bytes and the media type found in its first bytes
   * @throws ERR_TEMP_TYPE_REJECTED, ERR_TEMP_TOO_LARGE, ERR_TEMP_TOO_SMALL, ERR_TEMP_OPTION_INVALID, ERR_TEMP_IO,
   * ERR_TEMP_CLOSED; the error that `rules.validate` throws
   * @example
   * ```ts
   * import { writeFileSync } from 'node:fs'
   * import { fileRules, getTempManager } from 'temp-file-manager'
   *
   * using dir = getTempManager().dir()
   * const path = dir.join('photo.png')
   * writeFileSync(path, 'not a picture')
   * await getTempManager().checkFile(path, fileRules.image).catch((error) => console.log(error.code)) // ERR_TEMP_TYPE_REJECTED
   * ```
   * @category Creating
   */
  checkFile(path: string, rules: FileRules): Promise<CheckedFile>
}
