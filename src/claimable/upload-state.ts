// A partial upload on disk: uploads/<id>/ with upload.json, data/<name> and one empty state file. Guarantee: the state
// file's name is the truth that survives a power cut, and every change of it is one rename.
//   at-<offset>          no writer; all bytes up to the offset are on the disk
//   at-<offset>-<boot>   a writer was at work in this boot: what the file holds beyond the offset counts only in that boot
//   done-<bytes>         published; done.json has the ticket
//   (none)               still being created: its reservation ends with its creator

import { createEmpty } from '../disk/empty-file.ts'
import { namesIfThere, renameIfThere } from '../disk/paths.ts'
import { removeTreeSync } from '../disk/remove/remove.ts'
import { renameInto } from '../disk/rename-into.ts'
import { goneName, inside, type Root } from '../layout.ts'
import { log } from '../runtime/observe.ts'

/** The state of a partial upload, as its state file's name gives it. */
export interface UploadState {
  /** The state file's name. */
  readonly name: string
  /** Bytes that are on the disk for certain. */
  readonly offset: number
  /** The boot in which a writer is or was at work; undefined when none is. */
  readonly boot: string | undefined
  readonly done: boolean
  /** The declared length, where it was declared after the creation. */
  readonly length: number | undefined
}

const STATE = /^(at|done)-(\d{1,16})(?:-([0-9a-z]{1,16}))?$/
const LENGTH = /^length-(\d{1,16})$/

export const atName = (offset: number, boot?: string): string =>
  boot === undefined ? `at-${offset}` : `at-${offset}-${boot}`
export const doneName = (bytes: number): string => `done-${bytes}`
export const lengthName = (length: number): string => `length-${length}`

/** Reads the state in `directory`; undefined when there is none yet, or the directory is gone. */
export function readState({ fs }: Pick<Root, 'fs'>, directory: string): UploadState | undefined {
  return stateIn(namesIfThere(fs, directory) ?? [])
}

/** As {@link readState}, of names that were read before. */
export function stateIn(names: readonly string[]): UploadState | undefined {
  let length: number | undefined
  let match: RegExpExecArray | null = null
  for (const name of names) {
    const declared = LENGTH.exec(name)
    if (declared !== null) length = Number(declared[1])
    match ??= STATE.exec(name)
  }
  if (match === null) return undefined
  const [name, kind, offset, boot] = match
  return { name, offset: Number(offset), boot, done: kind === 'done', length }
}

/** Creates an empty file: a state or a declared length. */
export function createMark({ fs }: Pick<Root, 'fs'>, directory: string, name: string): void {
  createEmpty(fs, inside(directory, name), true)
}

/**
 * Gives a claimed upload back to uploads/; one that was never admitted is deleted, so that the reservation of a
 * creator that died returns. False when it is not there. Throws the system's error.
 */
export function giveBackUpload(root: Root, claim: string, id: string): boolean {
  const { fs, layout } = root
  const names = namesIfThere(fs, claim)
  if (names === undefined) return false
  const state = stateIn(names)
  if (state !== undefined) {
    const returned = renameInto(fs, claim, inside(layout.uploads, id))
    if (returned) log.upload('gave %s back at %d', id, state.offset)
    return returned
  }
  const gone = inside(layout.sessions, goneName(id))
  if (renameIfThere(fs, claim, gone)) removeTreeSync(fs, gone)
  return false
}
