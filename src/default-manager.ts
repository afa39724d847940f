// The process's default manager. Promise: one a process (and thread), shared by the ESM and CommonJS copies.

import { TempFileManager } from './manager.ts'

const KEY = Symbol.for('temp-file-manager.default.v1')

interface Slot {
  [KEY]?: TempFileManager | undefined
}

/**
 * The process's default manager, made with default options at the first call.
 *
 * @example
 * ```ts
 * import { getTempManager } from 'temp-file-manager'
 *
 * using scratch = getTempManager().dir()
 * console.log(scratch.join('a', 'b.txt'))
 * ```
 */
export function getTempManager(): TempFileManager {
  const slot = globalThis as Slot // a slot of ours on the global object
  slot[KEY] ??= new TempFileManager()
  return slot[KEY]
}

/** Makes `manager` the default, for example one with options of yours at start-up; undefined: the next call makes anew. Closes nothing. */
export function setTempManager(manager: TempFileManager | undefined): void {
  const slot = globalThis as Slot // a slot of ours on the global object
  slot[KEY] = manager
}
