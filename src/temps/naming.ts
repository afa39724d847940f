// Options of a new file or directory, turned into a name. Guarantee: everything is checked before anything is
// created, and the same suffix as in the last call costs one comparison.

import { optionError } from '../errors.ts'
import { type FileOptions, fileOptions } from '../input/file-options.ts'
import { checkAffixes, checkName } from '../input/names.ts'
import { describe, optionsOf } from '../input/options.ts'
import { SESSION_RANDOM_LENGTH } from '../layout.ts'
import type { Session } from '../session/session.ts'

/** The random part, '-', and as many digits as a session's counter will have in practice. */
const MIDDLE_BYTES = SESSION_RANDOM_LENGTH + 1 + 10

const checkFileOptions = optionsOf('file and dir', fileOptions)

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
  /** An exact name: the entry is in a directory of its own. */
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
    const given = options === undefined ? '' : options
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
    if (typeof options !== 'object' || options === null)
      throw optionError('options', `Pass a suffix (a string) or an options object, not ${describe(options)}.`)
    return this.checkNames(checkFileOptions(options))
  }

  /** Checks the naming options in a larger options object, whose keys were checked before. */
  checkNames({ name, prefix, suffix, mode }: FileOptions = {}): Naming {
    if (name !== undefined && (prefix !== undefined || suffix !== undefined)) {
      throw optionError(
        'name',
        'name sets the whole file name: leave prefix and suffix out, or leave name out.',
      )
    }
    const exact = name === undefined ? undefined : checkName(name)
    // Not `??`: checkAffixes refuses null.
    const affixes = {
      prefix: prefix === undefined ? this.#prefix : prefix,
      suffix: suffix === undefined ? '' : suffix,
    }
    checkAffixes(affixes.prefix, affixes.suffix, MIDDLE_BYTES)
    return { affixes, exact, mode }
  }
}

function plain(prefix: string, suffix: string): Naming {
  return { affixes: { prefix, suffix }, exact: undefined, mode: undefined }
}
