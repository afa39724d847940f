// What a server of resumable uploads admits. Guarantee: what the header fields alone rule out is refused before a byte is
// received, and every limit is announced in Upload-Limit.

import { prepareRules } from '../file-types/file-rules.ts'
import type { FileRules, PartialUpload } from '../index.ts'
import type { Exchange } from './exchange.ts'
import { type Facts, totalOf } from './facts.ts'
import { limitField } from './fields.ts'
import { inconsistentLength, problem, type Reply } from './reply.ts'
import type { Prepared } from './resumable-options.ts'

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

/** What the header fields alone rule out (sections 4.1.3 and 4.1.4). */
export function refusalOf(
  options: Prepared,
  exchange: Exchange,
  facts: Facts,
  { offset, length, creating }: { offset: number; length: number | undefined; creating: boolean },
): Reply | undefined {
  const { maxAppendBytes, minAppendBytes } = options
  const { contentLength } = exchange
  const total = totalOf(exchange, facts, offset)
  const known = [facts.length, total, creating ? undefined : length].filter((one) => one !== undefined)
  if (new Set(known).size > 1) return inconsistentLength()
  if (length !== undefined && offset + (contentLength ?? 0) > length) return inconsistentLength()
  const limits = { headers: { 'Upload-Limit': limitsOf(options), 'Upload-Complete': '?0' } }
  if (contentLength === undefined) return undefined
  if (maxAppendBytes !== undefined && contentLength > maxAppendBytes)
    return problem(413, `One request may carry ${maxAppendBytes} bytes. Send the file in parts.`, limits)
  const small = minAppendBytes !== undefined && contentLength < minAppendBytes && facts.complete === false
  if (small && !(creating && contentLength === 0))
    return problem(400, `A request that is not the last needs at least ${minAppendBytes} bytes.`, limits)
  return undefined
}
