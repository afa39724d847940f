// The vocabulary between the deletion and its drivers: what can be asked, what is answered, what is reported.
// Promise: plain data, so that one algorithm serves the exit hook, disposal and the sweep.

import type { DiskPath } from '../file-system.ts'

/** What a removal did. It is complete if nothing was kept and nothing failed. */
export interface RemoveReport {
  /** Entries unlinked: files, links, sockets and the like. */
  files: number
  directories: number
  /** Sum of the sizes (`st_size`) of the regular files unlinked; 0 where the driver does not look. */
  bytes: number
  kept: { path: string; reason: string }[]
  errors: { path: string; error: unknown }[]
}

/** One step for a driver; what each gives back stands beside it. A step that fails throws. */
export type Operation =
  | { readonly kind: 'look'; readonly path: DiskPath } // Look: of the entry itself, never of what a link points at
  | {
      readonly kind: 'empty'
      readonly path: DiskPath
      readonly asBytes: boolean
      readonly mounts: ReadonlySet<string>
      /** `st_size` of the directory itself, where it is known. */
      readonly size: number | undefined
    } // Emptied
  | { readonly kind: 'unlink' | 'rmdir' | 'open up'; readonly path: DiskPath }
  | { readonly kind: 'rename'; readonly path: DiskPath; readonly to: DiskPath }

/** What stands at a path. */
export interface Look {
  readonly directory: boolean
  readonly size: number
}

/** What a driver gives back. */
export type Answer = Emptied | Look | undefined

/** What is left of a directory after its files were unlinked. */
export interface Emptied {
  readonly directories: (string | Buffer)[]
  readonly failures: { readonly name: string | Buffer; readonly error: unknown }[]
  readonly mountPoints: string[]
  /** A name that may not be valid UTF-8 was passed over: read again as bytes. */
  undecoded: boolean
}

/** `directory/name`, as bytes if either is bytes. */
export function joinPath(directory: DiskPath, name: string | Buffer): DiskPath {
  if (typeof directory === 'string' && typeof name === 'string') return `${directory}/${name}`
  return Buffer.concat([Buffer.from(directory), Buffer.from('/'), Buffer.from(name)])
}
