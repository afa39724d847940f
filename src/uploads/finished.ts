// done.json: what came of an upload. Guarantee: it is on the disk before the handoff is published under its ticket, so a
// crash in between neither loses the ticket nor makes a second one.

import { readRecord, writeRecord } from '../disk/record-file.ts'
import { syncDirectory } from '../disk/sync.ts'
import { inside, type Root, UPLOAD_RESULT, uniqueText } from '../layout.ts'

export interface UploadResult {
  readonly ticket: string
  readonly bytes: number
  readonly digests: Readonly<Record<string, string>>
  readonly detectedType: string | undefined
}

export async function writeResult(
  root: Root,
  directory: string,
  result: UploadResult,
  durable: boolean,
): Promise<void> {
  const draft = inside(directory, `.done-${uniqueText(13)}`)
  writeRecord(root.fs, draft, result, durable)
  root.fs.renameSync(draft, inside(directory, UPLOAD_RESULT))
  if (durable) await syncDirectory(root.fs, directory)
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
