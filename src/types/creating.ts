// The methods that create files and directories, receive streams and take over existing files: of a manager and of a scope.

import type { DirOptions, FileOptions } from '../input/file-options.ts'
import type { ByteSource } from './bytes.ts'
import type { FileRules, ReceivedFile, ReceiveOptions, TempDir, TempFile } from './entries.ts'

/**
 * Options of {@link TempFileManager.adopt}.
 * @category Creating and receiving
 */
export interface AdoptOptions {
  /** Leave it where it is, and only remove it with its scope, at close and at exit: no sweep covers it. Default false. */
  inPlace?: boolean | undefined
  /** The rules for the file, checked before anything moves; see {@link FileRules}. A directory is refused. */
  accept?: FileRules | undefined
}

/** The methods of a manager and of a scope that create entries. */
export interface EntryMethods {
  /**
   * Creates an empty file, mode 0600, and returns at once: one open(2), and no descriptor stays open.
   * A string is the suffix of its name.
   * @throws ERR_TEMP_NAME_INVALID, ERR_TEMP_OPTION_INVALID, ERR_TEMP_QUOTA (limits.liveEntries), ERR_TEMP_NO_SPACE,
   * ERR_TEMP_IO, ERR_TEMP_UNSAFE_ROOT, ERR_TEMP_CLOSED
   * @example
   * ```ts
   * import { writeFile } from 'node:fs/promises'
   * import { getTempManager } from 'temp-file-manager'
   *
   * {
   *   await using clip = getTempManager().file('.mkv')
   *   await writeFile(clip.path, 'frames')
   * } // removed here, also after a throw
   * ```
   * @category Creating
   */
  file(options?: string | FileOptions): TempFile

  /**
   * Creates an empty directory, mode 0700, and returns at once. A string is the suffix of its name.
   * @throws as {@link file}
   * @category Creating
   */
  dir(options?: string | DirOptions): TempDir

  /**
   * As {@link file}, but through the thread pool: for network file systems. Rejects with the same codes.
   * @category Creating
   */
  fileAsync(options?: string | FileOptions): Promise<TempFile>

  /**
   * As {@link dir}, but through the thread pool: for network file systems. Rejects with the same codes.
   * @category Creating
   */
  dirAsync(options?: string | DirOptions): Promise<TempDir>

  /**
   * Streams `source` into a new file in constant memory. On any failure the source is destroyed and nothing
   * stays on the disk.
   * @throws ERR_TEMP_TOO_LARGE, ERR_TEMP_TOO_SMALL, ERR_TEMP_TYPE_REJECTED, ERR_TEMP_TRUNCATED, ERR_TEMP_ABORTED,
   * ERR_TEMP_QUOTA, ERR_TEMP_NO_SPACE, ERR_TEMP_IO and the codes of {@link file}; the error that `accept.validate` throws
   * @example
   * ```ts
   * import { Readable } from 'node:stream'
   * import { getTempManager } from 'temp-file-manager'
   *
   * await using upload = await getTempManager().receive(Readable.from(['some ', 'bytes']), {
   *   suffix: '.txt', maxBytes: '500mb', hash: 'sha256',
   * })
   * console.log(upload.bytes, upload.digest)
   * ```
   * @category Creating
   */
  receive(source: ByteSource, options?: ReceiveOptions): Promise<ReceivedFile>

  /**
   * Takes over an existing file or directory. It is moved into the session, across devices too; with `inPlace` it stays
   * where it is, and is removed with its scope, at close and at exit, but by no sweep. A directory of the system (`/etc`,
   * `/usr/lib`, `C:\\Users`), the user's home and one that holds the root of this manager are refused with
   * ERR_TEMP_OPTION_INVALID.
   * @throws ERR_TEMP_OPTION_INVALID, ERR_TEMP_NO_SPACE, ERR_TEMP_QUOTA, ERR_TEMP_IO, ERR_TEMP_UNSAFE_ROOT, ERR_TEMP_CLOSED; with
   * `accept` the codes of {@link checkFile} too
   * @category Creating
   */
  adopt(path: string, options?: AdoptOptions): Promise<TempFile | TempDir>
}
