// Reads a part of an open file, for what sends it anywhere. Guarantee: exactly the bytes asked for, or an error: a file
// that becomes shorter meanwhile would leave a body shorter than its Content-Length.

import { constants, type Stats } from 'node:fs'
import { type FileHandle, open } from 'node:fs/promises'
import { parse, sep } from 'node:path'
import { errnoOf, ioError, optionError, TempFileError } from '../errors.ts'
import { absolutePath, isGivenPath } from '../input/given-path.ts'

/** 256 KiB: four times the default of fs streams, and a quarter of the reads of 64 KiB. */
const READ_BYTES = 256 * 1024

export interface OpenFile {
  readonly handle: FileHandle
  readonly stats: Stats
}

/** The absolute path of a file to send, also from JavaScript; not normalized: `link/..` is where the link leads. @throws ERR_TEMP_OPTION_INVALID, ERR_TEMP_IO */
export function pathToSend(file: unknown): string {
  const { path } = (file ?? {}) as { path?: unknown } // any value can be read by key
  if (isGivenPath(path)) return parse(path).root === '' ? `${absolutePath('.')}${sep}${path}` : path
  throw optionError('file', 'The file to send must be a temp file, a claim or an object { path }.')
}

/**
 * Opens a file to send; from then on it can be sent even if it is removed. O_NONBLOCK, because opening a FIFO would
 * hold a thread until a writer comes. A path may be a link, which the program chose; a link in the place of a temp file,
 * which has a kind, was put there by another user.
 * @throws ERR_TEMP_REMOVED, ERR_TEMP_OPTION_INVALID (not a regular file), ERR_TEMP_IO
 */
export async function openToSend(file: {
  readonly path: string
  readonly kind?: unknown
}): Promise<OpenFile> {
  const path = pathToSend(file) // absolute: the thread that opens it may run after a change of the working directory
  const noFollow = file.kind === undefined ? 0 : (constants.O_NOFOLLOW ?? 0)
  const flags = constants.O_RDONLY | (constants.O_NONBLOCK ?? 0) | noFollow
  const handle = await open(path, flags).catch((error: unknown) => {
    throw errnoOf(error) === 'ENOENT' ? missing(path, error) : ioError(error, 'open the file to send', path)
  })
  try {
    const stats = await handle.stat()
    if (stats.isFile()) return { handle, stats }
    throw new TempFileError(
      'ERR_TEMP_OPTION_INVALID',
      'Only a regular file can be sent. Pack a directory into an archive first.',
      { path },
    )
  } catch (error) {
    await handle.close()
    throw ioError(error, 'read the size of the file to send', path)
  }
}

/** The bytes from `start` up to `end`; does not close the handle. @throws ERR_TEMP_TRUNCATED, ERR_TEMP_IO */
export async function* readPart(handle: FileHandle, start: number, end: number): AsyncGenerator<Uint8Array> {
  for (let position = start; position < end; ) {
    const buffer = Buffer.allocUnsafe(Math.min(READ_BYTES, end - position))
    const { bytesRead } = await handle.read(buffer, 0, buffer.length, position).catch((error: unknown) => {
      throw ioError(error, 'read the file while sending it')
    })
    if (bytesRead === 0) {
      throw new TempFileError(
        'ERR_TEMP_TRUNCATED',
        'The file became shorter while it was being sent. Send it when it is complete.',
        { details: { bytes: position } },
      )
    }
    position += bytesRead
    yield buffer.subarray(0, bytesRead)
  }
}

function missing(path: string, cause: unknown): TempFileError {
  return new TempFileError(
    'ERR_TEMP_REMOVED',
    'The file does not exist any more. Send it before its scope ends or it is removed.',
    { cause, path },
  )
}
