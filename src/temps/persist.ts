// persist(): checks its options, then moves the entry to its permanent place. Guarantee: nothing moves before all
// options are checked.

import { resolve } from 'node:path'
import { type MoveOptions, moveInto } from '../disk/move/move.ts'
import { ioError, optionError } from '../errors.ts'
import { boolean, mode, optionsOf } from '../input/options.ts'
import type { Session } from '../session/session.ts'
import type { PersistOptions } from '../types.ts'

const checkOptions = optionsOf('persist', { overwrite: boolean, durable: boolean, mode })

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
    throw optionError('destination', 'persist needs the path of the destination, a non-empty string.')
  const { overwrite = true, durable = true, mode } = checkOptions(options)
  const checked: MoveOptions = { overwrite, durable, retire, ...(mode === undefined ? {} : { mode }) }
  const target = resolve(destination)
  try {
    await moveInto(session.context.fs, source, target, checked)
  } catch (error) {
    throw ioError(error, 'persist a temporary file or directory', target)
  }
  return target
}
