// The limits of a server of resumable uploads. Guarantee: a request that its header fields alone rule out is refused before
// a byte is received, and every limit is announced in Upload-Limit.

import { prepareRules } from '../file-types/file-rules.ts'
import type { FileRules, PartialUpload, TempFileManager } from '../index.ts'
import { fileBytesOf } from '../runtime/manager-members.ts'
import type { Exchange } from './exchange.ts'
import { type Facts, totalOf } from './facts.ts'
import { limitField, malformedDigest } from './fields.ts'
import { inconsistentLength, problem, type Reply } from './reply.ts'
import type { Prepared } from './resumable-options.ts'

/** The options with the size limit of their manager: the smaller one holds, and is announced. */
export function withFileLimit(manager: TempFileManager, options: Prepared): Prepared {
  const limits = [options.maxBytes, fileBytesOf(manager)].filter((one) => one !== undefined)
  return { ...options, maxBytes: limits.length === 0 ? undefined : Math.min(...limits) }
}

/** The rules for the file, as createUpload, append and finish take them. */
export function rulesOf(options: Prepared): { accept?: FileRules; maxBytes: number | undefined } {
  const { accept, maxBytes } = options
  return { ...(accept === undefined ? {} : { accept }), maxBytes }
}

/** Upload-Limit; with the time left to an upload, where there is one. */
export function limitsOf(options: Prepared, upload?: PartialUpload): string {
  const { maxBytes, maxAppendBytes, minAppendBytes, accept } = options
  const rules = accept === undefined ? undefined : prepareRules(accept)
  const most = Math.min(maxBytes ?? Number.POSITIVE_INFINITY, rules?.maxBytes ?? Number.POSITIVE_INFINITY)
  const left = upload?.expiresInMs
  return limitField({
    'max-size': most === Number.POSITIVE_INFINITY ? undefined : most,
    'min-size': rules === undefined || rules.minBytes === 0 ? undefined : rules.minBytes,
    'max-append-size': maxAppendBytes,
    'min-append-size': minAppendBytes,
    'max-age': left === undefined ? undefined : Math.max(0, Math.floor(left / 1000)),
  })
}

/** The refusal that follows from the header fields alone (sections 4.1.3 and 4.1.4). */
export function refusalOf(
  options: Prepared,
  exchange: Exchange,
  facts: Facts,
  { offset, length, creating }: { offset: number; length: number | undefined; creating: boolean },
): Reply | undefined {
  const { maxAppendBytes, minAppendBytes } = options
  const { contentLength } = exchange
  const malformed = digestRefusal(exchange)
  if (malformed !== undefined) return malformed
  const total = totalOf(exchange, facts, offset)
  const known = [facts.length, total, creating ? undefined : length].filter((one) => one !== undefined)
  if (new Set(known).size > 1) return inconsistentLength()
  if (length !== undefined && offset + (contentLength ?? 0) > length) return inconsistentLength()
  if (contentLength === undefined) return undefined // the append counts
  if (maxAppendBytes !== undefined && contentLength > maxAppendBytes)
    return appendRefusal(options, 'maxAppendBytes')
  const small = minAppendBytes !== undefined && contentLength < minAppendBytes && facts.complete === false
  return small && !(creating && contentLength === 0) ? appendRefusal(options, 'minAppendBytes') : undefined
}

/** The answer to a request that brings more or fewer bytes than one may. */
export function appendRefusal(options: Prepared, option: 'maxAppendBytes' | 'minAppendBytes'): Reply {
  const limits = { headers: { 'Upload-Limit': limitsOf(options), 'Upload-Complete': '?0' } }
  const { [option]: bytes } = options
  return option === 'maxAppendBytes'
    ? problem(413, `One request may carry ${bytes} bytes. Send the file in parts.`, limits)
    : problem(400, `A request that is not the last needs at least ${bytes} bytes.`, limits)
}

/** A digest of another length than its algorithm's cannot be that of any bytes. */
function digestRefusal(exchange: Exchange): Reply | undefined {
  for (const field of ['Content-Digest', 'Repr-Digest']) {
    const malformed = malformedDigest(exchange.header(field.toLowerCase()))
    if (malformed === undefined) continue
    const { name, bytes } = malformed
    return problem(400, `A ${name} digest in ${field} has ${bytes} bytes, encoded with base64.`)
  }
  return undefined
}
