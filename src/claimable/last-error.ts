// The reason why the last claim of a handoff was not completed, in `failure.json` beside its record. Guarantee: a text that
// cannot be written or read stops nothing, for a handoff goes back on a full disk too.

import type { FileSystem } from '../disk/file-system.ts'
import { readRecord, writeRecord } from '../disk/record-file.ts'
import { errnoOf } from '../errors.ts'
import { FAILURE, inside } from '../layout.ts'
import { log } from '../runtime/observe.ts'

const MAX_TEXT = 1000

/** The text of a reason as `release()` takes it: an error's message, any other value as a string. */
export function reasonText(reason: unknown): string | undefined {
  if (reason === undefined) return undefined
  const text = reason instanceof Error ? reason.message || reason.name : textOf(reason)
  return text.slice(0, MAX_TEXT)
}

function textOf(value: unknown): string {
  try {
    return String(value)
  } catch {
    return 'a value without a text' // an object without a prototype
  }
}

/** Notes `text` in the handoff at `directory`, which no other process may change now. Never throws. */
export function writeFailure(fs: FileSystem, directory: string, text: string): void {
  const path = inside(directory, FAILURE)
  try {
    if (readFailure(fs, directory) === text) return
    removeOld(fs, path)
    writeRecord(fs, path, { v: 1, error: text })
  } catch (error) {
    log.handoff('the reason was not noted: %s', errnoOf(error))
  }
}

/** Removes the text of an earlier claim, for one that ended without a reason. Never throws. */
export function clearFailure(fs: FileSystem, directory: string): void {
  try {
    removeOld(fs, inside(directory, FAILURE))
  } catch (error) {
    log.handoff('the reason of an earlier claim was not removed: %s', errnoOf(error))
  }
}

function removeOld(fs: FileSystem, path: string): void {
  try {
    fs.unlinkSync(path)
  } catch (error) {
    if (errnoOf(error) !== 'ENOENT') throw error
  }
}

/** The text that was noted last; undefined when there is none, or it cannot be read. */
export function readFailure(fs: FileSystem, directory: string): string | undefined {
  const read = readRecord(fs, inside(directory, FAILURE))
  if (read.state !== 'read' || typeof read.value !== 'object' || read.value === null) return undefined
  const { error } = read.value as { error?: unknown } // checked on the next line
  return typeof error === 'string' ? error.slice(0, MAX_TEXT) : undefined
}
