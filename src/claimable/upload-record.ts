// A partial upload's record, upload.json: written once, at its creation. Guarantee: a record that was tampered with or
// that another version wrote is refused, and nothing is ever deleted because of it.

import { inside, type Root, UPLOAD_RECORD } from '../layout.ts'
import type { BootTime } from '../liveness/boot-clock.ts'
import {
  checkIdentity,
  type Fields,
  fieldsOf,
  millisecondsIn,
  nameIn,
  numberOf,
  processIn,
  type ReadRecord,
  readClaimable,
  textOf,
} from './claimable-record.ts'

export const UPLOAD_VERSION = 1

/**
 * An algorithm of `crypto.getHashes()` and a value in lower-case hex.
 * @category Partial uploads
 */
export interface Digest {
  readonly algorithm: string
  readonly value: string
}

/** `upload.json`. */
export interface UploadRecord {
  readonly v: typeof UPLOAD_VERSION
  readonly id: string
  /** The data's name on disk, in `data/`. */
  readonly name: string
  /** The client's name for the file and its media type, as it sent them: for display and for the rules. */
  readonly originalName: string | undefined
  readonly type: string | undefined
  /** The declared length in bytes; undefined when it was not known at the creation. */
  readonly length: number | undefined
  readonly meta: unknown
  /** Milliseconds after the last byte until a sweep removes it. */
  readonly ttl: number
  /** Milliseconds after the creation until a sweep removes it, complete or not. */
  readonly maxAge: number
  readonly durable: boolean
  /** The digest to compute at the end. */
  readonly hash: string | undefined
  /** Digests of the whole file. */
  readonly expectedDigests: readonly Digest[]
  /** The protocol's own data: the metadata of tus, or the request of the draft. */
  readonly protocol: unknown
  readonly createdAt: number
  /** The boot clock at the creation: a file that is read cannot carry it in its times. */
  readonly createdInBoot: BootTime | undefined
  readonly creator: { readonly pid: number; readonly hostname: string }
}

export type UploadRead = ReadRecord<UploadRecord>

/** Reads and checks the record in `directory`, which must be that of `id`. */
export function readUpload({ fs }: Pick<Root, 'fs'>, directory: string, id: string): UploadRead {
  return readClaimable(fs, inside(directory, UPLOAD_RECORD), (fields) => parseUpload(fields, id))
}

function parseUpload(fields: Fields, id: string): UploadRecord {
  checkIdentity(fields, { v: UPLOAD_VERSION, key: 'id', id, kind: 'upload' })
  return {
    v: UPLOAD_VERSION,
    id,
    name: nameIn(fields),
    originalName: textOf(fields['originalName']),
    type: textOf(fields['type']),
    length: numberOf(fields['length']),
    meta: fields['meta'],
    ttl: millisecondsIn(fields, 'ttl'),
    maxAge: millisecondsIn(fields, 'maxAge'),
    durable: fields['durable'] !== false,
    hash: textOf(fields['hash']),
    expectedDigests: digestsIn(fields['expectedDigests']),
    protocol: fields['protocol'],
    createdAt: numberOf(fields['createdAt']) ?? 0,
    createdInBoot: bootTimeIn(fieldsOf(fields['createdInBoot'])),
    creator: processIn(fields, 'creator'),
  }
}

function bootTimeIn(fields: Fields): BootTime | undefined {
  const [boot, uptimeMs] = [numberOf(fields['boot']), numberOf(fields['uptimeMs'])]
  return boot === undefined || uptimeMs === undefined ? undefined : { boot, uptimeMs }
}

function digestsIn(list: unknown): Digest[] {
  if (!Array.isArray(list)) return []
  return list.flatMap((each) => {
    const fields = fieldsOf(each)
    const [algorithm, value] = [textOf(fields['algorithm']), textOf(fields['value'])]
    return algorithm === undefined || value === undefined ? [] : [{ algorithm, value }]
  })
}
