// done.json: the result of an upload. Guarantee: it is on the disk before the handoff is published under its ticket, so a
// crash in between neither loses the ticket nor makes a second one.
// answer.json: the server's answer to the last byte, for a client that did not receive it.

import type { FileSystem } from '../disk/file-system.ts'
import { readRecord, writeRecord } from '../disk/record-file.ts'
import { syncDirectory } from '../disk/sync.ts'
import { errnoOf } from '../errors.ts'
import { inside, type Root, UPLOAD_ANSWER, UPLOAD_RESULT, uniqueText } from '../layout.ts'
import { log } from '../runtime/observe.ts'
import type { Json } from '../types.ts'

const DRAFT = '.done-'

export interface UploadResult {
  readonly ticket: string
  readonly bytes: number
  readonly digests: Readonly<Record<string, string>>
  readonly detectedType: string | undefined
}

export function writeResult(
  root: Root,
  directory: string,
  result: UploadResult,
  durable: boolean,
): Promise<void> {
  return writeWhole(root, inside(directory, UPLOAD_RESULT), { directory, value: result, durable })
}

export function writeAnswer(root: Root, directory: string, answer: Json, durable: boolean): Promise<void> {
  return writeWhole(root, inside(directory, UPLOAD_ANSWER), { directory, value: answer, durable })
}

/** Writes a record that is there as a whole or not at all. */
async function writeWhole(
  { fs }: Root,
  path: string,
  { directory, value, durable }: { directory: string; value: unknown; durable: boolean },
): Promise<void> {
  const draft = inside(directory, `${DRAFT}${uniqueText(13)}`)
  try {
    writeRecord(fs, draft, value, { durable })
    fs.renameSync(draft, path)
  } catch (error) {
    unlinkIfThere(fs, draft)
    throw error
  }
  if (durable) await syncDirectory(fs, directory)
}

/** Undefined when there is none, or it cannot be read. */
export function readAnswer({ fs }: Pick<Root, 'fs'>, directory: string): Json | undefined {
  const read = readRecord(fs, inside(directory, UPLOAD_ANSWER))
  return read.state === 'read' ? (read.value as Json) : undefined // it is a result of JSON.parse
}

/** Removes the drafts of a process that was killed while it wrote one. `names`: all names in `directory`. */
export function removeDrafts({ fs }: Pick<Root, 'fs'>, directory: string, names: readonly string[]): void {
  for (const name of names) if (name.startsWith(DRAFT)) unlinkIfThere(fs, inside(directory, name))
}

function unlinkIfThere(fs: FileSystem, path: string): void {
  try {
    fs.unlinkSync(path)
  } catch (error) {
    log.upload('could not remove a draft: %s', errnoOf(error))
  }
}

/** Undefined when there is none, or it cannot be read. */
export function readResult({ fs }: Pick<Root, 'fs'>, directory: string): UploadResult | undefined {
  const read = readRecord(fs, inside(directory, UPLOAD_RESULT))
  if (read.state !== 'read' || typeof read.value !== 'object' || read.value === null) return undefined
  const { ticket, bytes, digests, detectedType } = read.value as Record<string, unknown> // each is checked below
  if (typeof ticket !== 'string' || typeof bytes !== 'number') return undefined
  return {
    ticket,
    bytes,
    digests: (typeof digests === 'object' && digests !== null ? digests : {}) as Record<string, string>, // written by us
    detectedType: typeof detectedType === 'string' ? detectedType : undefined,
  }
}
