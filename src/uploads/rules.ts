// The options of uploads, checked once. A server gives its rules with each request: functions cannot be kept on disk.

import { checkMeta } from '../claimable/handoff-record.ts'
import type { Digest, UploadRecord } from '../claimable/upload-record.ts'
import { optionError } from '../errors.ts'
import { type PreparedRules, prepareRules } from '../file-types/file-rules.ts'
import {
  abortSignal,
  boolean,
  callback,
  duration,
  integer,
  type Kind,
  listOf,
  oneOf,
  optionsOf,
  preset,
  size,
  text,
  timerDuration,
  unchecked,
} from '../input/options.ts'
import type { Quota } from '../quota.ts'
import { digestName, expectedDigest, tooLarge } from '../streams/receive-options.ts'

export interface PreparedUploadRules {
  readonly file: PreparedRules | undefined
  readonly minBytes: number
  readonly maxBytes: number
}

const DEFAULT_TTL_MS = 24 * 3_600_000
const DEFAULT_MAX_AGE_MS = 7 * DEFAULT_TTL_MS

const rules = { accept: preset(prepareRules), maxBytes: size }

const oneOrMoreDigests: Kind<readonly Digest[]> = (value, option) =>
  Array.isArray(value) ? listOf(expectedDigest)(value, option) : [expectedDigest(value, option)]

/** Two of them fit into the meta of the handoff, beside the rest (64 KiB). */
const MAX_TEXT_BYTES = 16 * 1024

const shortText: Kind<string> = (value, option) => {
  const given = text(value, option)
  if (Buffer.byteLength(JSON.stringify(given)) <= MAX_TEXT_BYTES) return given
  throw optionError(option, `${option} is longer than 16 KiB of JSON. Cut it.`)
}

const checkCreation = optionsOf('createUpload', {
  ...rules,
  length: integer(),
  originalName: shortText,
  type: shortText,
  meta: unchecked<unknown>(),
  ttl: duration,
  maxAge: duration,
  durable: boolean,
  hash: digestName,
  expectedDigest: oneOrMoreDigests,
  id: text,
  protocol: unchecked<unknown>(),
})
const checkOpening = optionsOf('openUpload', {
  whenBusy: oneOf('refuse', 'take-over'),
  offset: integer(),
  timeout: timerDuration,
})
const checkAppend = optionsOf('append', {
  ...rules,
  signal: abortSignal,
  expectedBytes: integer(),
  maxAppendBytes: size,
  minAppendBytes: size,
  digests: listOf(expectedDigest),
  onOffset: callback<(offset: number) => void>(),
  last: boolean,
  keepSource: boolean,
})
const checkDeclaration = optionsOf('declareLength', rules)
const checkFinish = optionsOf('finish', rules)

/** Options of a creation, checked. */
export interface PreparedCreation {
  readonly rules: PreparedUploadRules
  readonly record: Omit<UploadRecord, 'v' | 'id' | 'name' | 'createdAt' | 'createdInBoot' | 'creator'>
  readonly id: string | undefined
}

/** @throws ERR_TEMP_OPTION_INVALID */
export function prepareCreation(options: unknown): PreparedCreation {
  const checked = checkCreation(options)
  return {
    rules: prepareUploadRules(checked),
    id: checked.id,
    record: {
      originalName: checked.originalName,
      type: checked.type,
      length: checked.length,
      meta: checkMeta(checked.meta),
      ttl: checked.ttl ?? DEFAULT_TTL_MS,
      maxAge: checked.maxAge ?? DEFAULT_MAX_AGE_MS,
      durable: checked.durable ?? true,
      hash: checked.hash,
      expectedDigests: checked.expectedDigest ?? [],
      protocol: checkMeta(checked.protocol),
    },
  }
}

/** Options of an opening, checked. */
export interface PreparedOpening {
  readonly takeOver: boolean
  readonly offset: number | undefined
  readonly timeoutMs: number
}

/** @throws ERR_TEMP_OPTION_INVALID */
export function prepareOpening(options: unknown): PreparedOpening {
  const { whenBusy, offset, timeout } = checkOpening(options)
  return { takeOver: whenBusy === 'take-over', offset, timeoutMs: timeout ?? 5000 }
}

/** @throws ERR_TEMP_OPTION_INVALID */
export function prepareAppend(
  options: unknown,
): Omit<PreparedAppend, 'signals'> & { signal: AbortSignal | undefined } {
  const { digests = [], last = false, keepSource = false, ...rest } = checkAppend(options)
  return { rules: prepareUploadRules(rest), digests, last, keepSource, ...rest }
}

/** Options of an append, checked. */
export interface PreparedAppend {
  readonly rules: PreparedUploadRules
  readonly signals: readonly (AbortSignal | undefined)[]
  readonly expectedBytes: number | undefined
  readonly maxAppendBytes: number | undefined
  readonly minAppendBytes: number | undefined
  readonly digests: readonly Digest[]
  readonly onOffset: ((offset: number) => void) | undefined
  readonly last: boolean
  readonly keepSource: boolean
}

/** @throws ERR_TEMP_OPTION_INVALID */
export function prepareDeclaration(options: unknown): PreparedUploadRules {
  return prepareUploadRules(checkDeclaration(options))
}

/** @throws ERR_TEMP_OPTION_INVALID */
export function prepareFinish(options: unknown): PreparedUploadRules {
  return prepareUploadRules(checkFinish(options))
}

function prepareUploadRules({
  accept,
  maxBytes,
}: {
  accept: PreparedRules | undefined
  maxBytes: number | undefined
}): PreparedUploadRules {
  const most = Math.min(maxBytes ?? Number.POSITIVE_INFINITY, accept?.maxBytes ?? Number.POSITIVE_INFINITY)
  return { file: accept, minBytes: accept?.minBytes ?? 0, maxBytes: most }
}

/** Refuses a file of `bytes` bytes that the rules or the manager's limits do not allow. @throws ERR_TEMP_TOO_LARGE */
export function checkMostBytes(bytes: number, { maxBytes }: PreparedUploadRules, { fileBytes }: Quota): void {
  const most = Math.min(maxBytes, fileBytes)
  if (bytes > most) throw tooLarge(most)
}
