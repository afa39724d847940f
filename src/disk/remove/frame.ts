// One directory of a tree that is being deleted: its state, and how its name and its contents are addressed.
// Guarantee: a directory that others can write, and everything below it, is addressed by descriptor only.

import type { DiskPath } from '../file-system.ts'
import type { Directory, OpenDirectories } from '../open-directories.ts'
import { joinPath } from '../paths.ts'
import type { RemoveReport } from './operation.ts'

/** The state that all steps of one deletion share. */
export interface Tree {
  readonly top: string
  readonly mounts: ReadonlySet<string>
  /** Directories are examined by rmdir first, which the kernel refuses at a mount point (EBUSY): there is no mount table. */
  readonly blind: boolean
  readonly report: RemoveReport
  readonly open: OpenDirectories
  /** Device of the top directory; another one is not entered. */
  device: number | undefined
}

export interface Frame {
  readonly name: string | Buffer
  readonly parent: Frame | undefined
  /** The address of a directory that only this user can change; of others, the name in reports. */
  path: DiskPath
  /** The directory that holds it, where that one is addressed by descriptor. */
  readonly within: Directory | undefined
  /** Its own descriptor, where others can write in it or above it. */
  directory: Directory | undefined
  state: 'new' | 'unread' | 'read' | 'gone'
  readings: number
  directories: (string | Buffer)[]
  asBytes: boolean
  openedUp: boolean
  hoisted: boolean
  /** Something below stays, so the directory must. */
  stays: boolean
  /** `st_size`, until the directory is read. */
  size: number | undefined
}

/** A directory to delete: the top, or a subdirectory of `parent`. `within`: the top's own directory, see {@link Frame.within}. */
export function frameOf(
  name: string | Buffer,
  parent: Frame | undefined,
  path: DiskPath,
  within?: Directory,
): Frame {
  return {
    name,
    parent,
    path,
    within: parent?.directory ?? within,
    directory: undefined,
    state: 'new',
    readings: 0,
    directories: [],
    asBytes: false,
    openedUp: false,
    hoisted: false,
    stays: false,
    size: undefined,
  }
}

/** The path at which a call finds the directory's name. */
export function nameAddress(tree: Tree, frame: Frame): DiskPath {
  if (frame.within === undefined) return frame.path
  return joinPath(tree.open.pathOf(frame.within), frame.name)
}

/** The path below which a call finds the directory's contents. */
export function contentAddress(tree: Tree, frame: Frame): DiskPath {
  return frame.directory === undefined ? nameAddress(tree, frame) : tree.open.pathOf(frame.directory)
}
