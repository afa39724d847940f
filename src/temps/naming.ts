// Options of a new file or directory turned into a name. Promise: everything is checked before anything is
// made, and a suffix seen before costs one comparison.

import { TempFileError } from '../errors.ts'
import { checkAffixes, checkName } from '../input/names.ts'
import { refuseUnknown } from '../input/options.ts'
import { SESSION_RANDOM_LENGTH } from '../layout.ts'
import type { Session } from '../session/session.ts'
import type { FileOptions } from './file-options.ts'

/** The random part, '-', and as many digits as a session's counter will have in practice. */
const MIDDLE_BYTES = SESSION_RANDOM_LENGTH + 1 + 10

/** Beginning and end of a generated name; shared by all entries made alike. */
export interface Affixes {
  readonly prefix: string
  readonly suffix: string
}

/** The name of the entry with this number in the session. */
export function nameOf(session: Session, sequence: number, affixes: Affixes): string {
  return `${affixes.prefix}${session.random}-${sequence}${affixes.suffix}`
}

/** How a new entry is to be named and protected. */
export interface Naming {
  readonly affixes: Affixes
  /** An exact name, to stand in a directory of its own. */
  readonly exact: string | undefined
  /** Permission bits, when asked for: then they hold whatever the umask. */
  readonly mode: number | undefined
}

/** Checks options of new entries for one manager. */
export class Namer {
  readonly #prefix: string
  #last: Naming

  constructor(prefix: string) {
    this.#prefix = prefix
    this.#last = plain(prefix, '')
  }

  /** @throws ERR_TEMP_NAME_INVALID, ERR_TEMP_OPTION_INVALID */
  check(options: string | FileOptions | undefined): Naming {
    const given = options ?? ''
    if (typeof given === 'string') {
      if (given !== this.#last.affixes.suffix) {
        checkAffixes(this.#prefix, given, MIDDLE_BYTES)
        this.#last = plain(this.#prefix, given)
      }
      return this.#last
    }
    return this.#checkObject(given)
  }

  #checkObject(options: FileOptions): Naming {
    if (typeof options !== 'object' || options === null) {
      throw new TempFileError('ERR_TEMP_OPTION_INVALID', 'Give a suffix (a string) or an object of options.')
    }
    refuseUnknown(options, ['suffix', 'prefix', 'name', 'mode'], 'file and dir')
    const { name, prefix, suffix, mode } = options
    if (mode !== undefined && (!Number.isInteger(mode) || mode < 0 || mode > 0o777)) {
      throw new TempFileError('ERR_TEMP_OPTION_INVALID', 'mode must be permission bits from 0 to 0o777.')
    }
    if (name !== undefined && (prefix !== undefined || suffix !== undefined)) {
      throw new TempFileError(
        'ERR_TEMP_OPTION_INVALID',
        'name asks for exactly that name: leave prefix and suffix out, or leave name out.',
      )
    }
    const exact = name === undefined ? undefined : checkName(name)
    const affixes = { prefix: prefix ?? this.#prefix, suffix: suffix ?? '' }
    checkAffixes(affixes.prefix, affixes.suffix, MIDDLE_BYTES)
    return { affixes, exact, mode }
  }
}

function plain(prefix: string, suffix: string): Naming {
  return { affixes: { prefix, suffix }, exact: undefined, mode: undefined }
}
