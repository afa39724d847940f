// Leaving for good: what persist() is asked for, checked, and carried out. Promise: an option that is not what it
// should be is refused before anything moves; 'no' is not taken for true.

import { resolve } from 'node:path'
import { type MoveOptions, moveInto } from '../disk/move/move.ts'
import { ioError, TempFileError } from '../errors.ts'
import { refuseUnknown } from '../input/options.ts'
import type { Session } from '../session/session.ts'
import type { PersistOptions } from '../types.ts'

function invalid(message: string): never {
  throw new TempFileError('ERR_TEMP_OPTION_INVALID', message)
}

/** @throws ERR_TEMP_OPTION_INVALID */
function checkOptions(options: unknown): MoveOptions {
  if (typeof options !== 'object' || options === null) invalid('The options of persist must be an object.')
  refuseUnknown(options, ['overwrite', 'durable', 'mode'], 'persist')
  const { overwrite = true, durable = true, mode } = options as Record<string, unknown> // each is checked here
  if (typeof overwrite !== 'boolean') invalid('overwrite must be true or false.')
  if (typeof durable !== 'boolean') invalid('durable must be true or false.')
  if (mode === undefined) return { overwrite, durable }
  if (typeof mode !== 'number' || !Number.isInteger(mode) || mode < 0 || mode > 0o777)
    invalid('mode must be permission bits from 0 to 0o777.')
  return { overwrite, durable, mode }
}

/**
 * Moves what stands at `source` to `destination`; returns the absolute path. `retire` ends what it was before.
 * @throws ERR_TEMP_OPTION_INVALID, ERR_TEMP_EXISTS, ERR_TEMP_NO_SPACE, ERR_TEMP_IO
 */
export async function persist(
  session: Session,
  source: string,
  destination: unknown,
  options: PersistOptions,
  retire: MoveOptions['retire'],
): Promise<string> {
  if (typeof destination !== 'string' || destination === '' || destination.includes('\0'))
    invalid('persist needs the path of the destination, a string.')
  const checked = { ...checkOptions(options), retire }
  const target = resolve(destination)
  try {
    await moveInto(session.context.fs, source, target, checked)
  } catch (error) {
    throw ioError(error, 'persist a temporary file or directory', target)
  }
  return target
}
