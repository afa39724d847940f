// The vocabulary between a deletion and its drivers: the steps, their answers, the report.
// Guarantee: plain data, so that one algorithm serves the exit hook, disposal and the sweep.

import type { DiskPath, DiskStats } from '../file-system.ts'

/** The result of a removal. It is complete if nothing was kept and nothing failed. */
export interface RemoveReport {
  /** Entries unlinked: files, links, sockets and the like. */
  files: number
  directories: number
  /** Sum of the sizes (`st_size`) of the regular files unlinked; 0 where the driver does not look. */
  bytes: number
  kept: { path: string; reason: string }[]
  errors: { path: string; error: unknown }[]
}

/** One step for a driver; the comment names the type of its answer. A step that fails throws. */
export type Operation =
  | { readonly kind: 'look'; readonly path: DiskPath } // DiskStats of the entry itself, never of a link's target
  | {
      readonly kind: 'empty'
      readonly path: DiskPath
      /** The path by which the mount table knows the directory. */
      readonly label: DiskPath
      readonly asBytes: boolean
      readonly mounts: ReadonlySet<string>
      /** `st_size` of the directory itself, where it is known. */
      readonly size: number | undefined
    } // Emptied
  | { readonly kind: 'unlink' | 'rmdir' | 'open up'; readonly path: DiskPath }
  | { readonly kind: 'rename'; readonly path: DiskPath; readonly to: DiskPath }

/** The answer of a driver. */
export type Answer = Emptied | DiskStats | undefined

/** The rest of a directory after its files were unlinked. */
export interface Emptied {
  readonly directories: (string | Buffer)[]
  readonly failures: { readonly name: string | Buffer; readonly error: unknown }[]
  readonly mountPoints: string[]
  /** A name that may not be valid UTF-8 was skipped: read again as bytes. */
  undecoded: boolean
}
