// checkFile(): file rules for a file that already exists. Guarantee: the file is only read, never moved or changed,
// and a symbolic link or a special file is refused before it is opened.

import { constants } from 'node:fs'
import { basename } from 'node:path'
import { closeSync } from '../disk/descriptors.ts'
import type { DiskStats, FileSystem } from '../disk/file-system.ts'
import { statsOf } from '../disk/paths.ts'
import { ioError, TempFileError } from '../errors.ts'
import { checkDeclared, checkHead, HEAD_BYTES } from '../file-types/check-type.ts'
import type { PreparedRules } from '../file-types/file-rules.ts'
import type { Session } from '../session/session.ts'
import { tooLarge, tooSmall } from '../streams/receive-options.ts'
import type { CheckedFile } from '../types.ts'
import { FileEntry } from './file.ts'
import type { Holding } from './holding.ts'
import { runValidate } from './run-validate.ts'

const READ_REGULAR = constants.O_RDONLY | (constants.O_NOFOLLOW ?? 0) | (constants.O_NONBLOCK ?? 0)

/** The parameters of the last stage. */
export interface Judging {
  /** Gives it a session. */
  inSession(work: (session: Session) => Promise<void>): Promise<void>
  /** Ends it. */
  readonly ending: AbortSignal | undefined
}

/**
 * Runs all stages of `rules` on the file at `path`. @throws ERR_TEMP_TYPE_REJECTED, ERR_TEMP_TOO_LARGE, ERR_TEMP_TOO_SMALL,
 * ERR_TEMP_IO, ERR_TEMP_ABORTED; the error that `validate` throws
 */
export async function checkFile(
  fs: FileSystem,
  path: string,
  rules: PreparedRules,
  { inSession, ending }: Judging,
): Promise<CheckedFile> {
  const { size: bytes } = await regularAt(fs, path)
  const declared = { name: basename(path), type: undefined }
  checkDeclared(rules, declared)
  if (bytes > rules.maxBytes) throw tooLarge(rules.maxBytes, 'rules.maxBytes')
  if (bytes < rules.minBytes) throw tooSmall(bytes, rules.minBytes)
  const detectedType =
    rules.types === undefined ? undefined : await checkHead(rules, declared, headOf(fs, path))
  const { validate } = rules
  if (validate !== undefined)
    await inSession((session) =>
      validateInPlace(session, { path, workshop: session.path }, validate, [ending]),
    )
  return { path, bytes, detectedType }
}

/** The stats of a regular file. @throws ERR_TEMP_TYPE_REJECTED, ERR_TEMP_IO */
export async function regularAt(fs: FileSystem, path: string): Promise<DiskStats> {
  try {
    const stats = await statsOf(fs, path)
    if (stats.isFile()) return stats
  } catch (error) {
    throw ioError(error, 'check a file', path)
  }
  throw new TempFileError(
    'ERR_TEMP_TYPE_REJECTED',
    'Only a regular file can be checked, not a directory or a link. Pass the path of the file itself.',
    {
      path,
    },
  )
}

function headOf(fs: FileSystem, path: string): Uint8Array {
  let fd: number | undefined
  try {
    fd = fs.openSync(path, READ_REGULAR)
    const head = Buffer.alloc(HEAD_BYTES)
    let length = 0
    for (let read = -1; read !== 0 && length < HEAD_BYTES; length += read)
      read = fs.readSync(fd, head, length, HEAD_BYTES - length, length)
    return head.subarray(0, length)
  } catch (error) {
    throw ioError(error, 'check a file', path)
  } finally {
    if (fd !== undefined) closeSync(fs, fd)
  }
}

/**
 * Runs the last stage on a file that is not an entry of the session. It sees a TempFile that counts as an entry meanwhile and
 * whose removal removes nothing; what it left open is closed.
 * @throws ERR_TEMP_QUOTA and as {@link runValidate}
 */
export async function validateInPlace(
  session: Session,
  { path, workshop, bytes }: Pick<Holding, 'path' | 'workshop'> & { readonly bytes?: number },
  validate: NonNullable<PreparedRules['validate']>,
  signals: readonly (AbortSignal | undefined)[],
): Promise<void> {
  const nothing = async (): Promise<void> => {}
  session.quota.addEntry()
  const file = new FileEntry(
    session,
    ++session.sequence,
    { prefix: '', suffix: '' },
    {
      path,
      name: basename(path),
      workshop,
      discard: nothing,
      discardSync: () => {},
      leave: nothing,
      leaveSync: () => {},
      vacate: nothing,
    },
  )
  try {
    await runValidate(validate, file, signals, bytes)
  } finally {
    if (!file.disposed) await file.giveBack()
  }
}
