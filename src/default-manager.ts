// The default manager. Guarantee: one per process (and thread), shared by all copies of the package.

import { optionError } from './errors.ts'
import { CLOSED, TempFileManager } from './manager.ts'

const KEY = Symbol.for('temp-file-manager.default.v1')

interface Closable {
  readonly [CLOSED]?: boolean
}

interface Slot {
  [KEY]?: TempFileManager | undefined
}

/**
 * The process's default manager: one per process and thread, for all copies of the package. It is created with
 * default options at the first call, and again at the first call after it was closed.
 *
 * @example
 * ```ts
 * import { getTempManager } from 'temp-file-manager'
 *
 * using scratch = getTempManager().dir()
 * console.log(scratch.join('a', 'b.txt'))
 * ```
 * @category Managers
 */
export function getTempManager(): TempFileManager {
  const slot = globalThis as Slot // the key is this package's own
  const current = slot[KEY]
  if (current !== undefined && (current as Closable)[CLOSED] !== true) return current // set by any copy of the package
  const created = new TempFileManager()
  slot[KEY] = created
  return created
}

/**
 * Makes `manager` the default one, for example a manager with your options, at start-up. After `undefined`, the next
 * `getTempManager()` creates a new one. The previous default is not closed.
 * @throws ERR_TEMP_OPTION_INVALID
 * @category Managers
 */
export function setTempManager(manager: TempFileManager | undefined): void {
  if (manager !== undefined && typeof (manager as { file?: unknown } | null)?.file !== 'function')
    throw optionError('manager', 'setTempManager needs a TempFileManager, or undefined.')
  const slot = globalThis as Slot // the key is this package's own
  slot[KEY] = manager
}
