// The options of receive() and write(), all checked before anything is created. Guarantee: an option that would fail
// later fails here, and so does a file that its own name already rules out.

import { optionError, TempFileError } from '../errors.ts'
import { checkDeclared, type Declared } from '../file-types/check-type.ts'
import { type PreparedRules, prepareRules } from '../file-types/file-rules.ts'
import { fileOptions } from '../input/file-options.ts'
import {
  abortSignal,
  boolean,
  callback,
  integer,
  nested,
  optionsOf,
  preset,
  size,
  text,
} from '../input/options.ts'
import { abortError } from '../runtime/abort.ts'
import { crypto } from '../runtime/lazy.ts'
import type { ExpectedDigest, Progress, ReceiveOptions, TempFile } from '../types.ts'

/** Options checked once, in the form that `fill` reads. */
export interface PreparedReceive {
  readonly maxBytes: number
  /** The option that `maxBytes` comes from. */
  readonly maxBytesOption: string
  readonly minBytes: number
  readonly expectedBytes: number | undefined
  readonly signal: AbortSignal | undefined
  readonly hash: string | undefined
  readonly expectedDigest: ExpectedDigest | undefined
  readonly onProgress: ((progress: Progress) => void) | undefined
  readonly rules: PreparedRules | undefined
  readonly declared: Declared
  readonly keepSource: boolean
  /** For the caller of `fill` to run on the whole file, before anyone else gets it. */
  readonly validate: ((file: TempFile) => Promise<void> | void) | undefined
}

const NOTHING: PreparedReceive = {
  maxBytes: Number.POSITIVE_INFINITY,
  maxBytesOption: 'maxBytes',
  minBytes: 0,
  expectedBytes: undefined,
  signal: undefined,
  hash: undefined,
  expectedDigest: undefined,
  onProgress: undefined,
  rules: undefined,
  declared: { name: undefined, type: undefined },
  keepSource: false,
  validate: undefined,
}

/** The options that every function shares that stores a file: receive(), receiveForm(), receiveBody(), fetchFile(). */
export const storeOptions = {
  accept: preset(prepareRules),
  hash: digestName,
  signal: abortSignal,
  onProgress: callback<(progress: Progress) => void>(),
}

const schema = {
  ...fileOptions,
  ...storeOptions,
  maxBytes: size,
  expectedBytes: integer(),
  expectedDigest,
  declared: nested({ name: text, type: text }),
  keepSource: boolean,
}
const checkOptions = optionsOf('receive and write', schema)

/**
 * Checks everything of a receive except its file name, which temps/naming.ts checks, and runs the first stage of
 * `accept`.
 * @throws ERR_TEMP_OPTION_INVALID, ERR_TEMP_TYPE_REJECTED, ERR_TEMP_TOO_LARGE, ERR_TEMP_TOO_SMALL (the last two
 * when `expectedBytes` already shows it), ERR_TEMP_ABORTED, ERR_TEMP_TIMEOUT
 */
export function checkReceiveOptions(options: ReceiveOptions | undefined): PreparedReceive {
  if (options === undefined) return NOTHING
  const given = checkOptions(options)
  const { expectedBytes, signal, hash, onProgress, accept: rules, declared } = given
  const own = given.maxBytes ?? Number.POSITIVE_INFINITY
  const byRules = rules?.maxBytes ?? Number.POSITIVE_INFINITY
  const prepared: PreparedReceive = {
    maxBytes: Math.min(own, byRules),
    maxBytesOption: byRules < own ? 'accept.maxBytes' : 'maxBytes',
    minBytes: rules?.minBytes ?? 0,
    expectedBytes,
    signal,
    hash,
    expectedDigest: given.expectedDigest,
    onProgress,
    rules,
    declared: { name: declared?.name ?? options.name ?? options.suffix, type: declared?.type },
    keepSource: given.keepSource ?? false,
    validate: rules?.validate,
  }
  if (rules !== undefined) checkDeclared(rules, prepared.declared)
  if (expectedBytes !== undefined) {
    if (expectedBytes > prepared.maxBytes) throw tooLarge(prepared.maxBytes, prepared.maxBytesOption)
    if (expectedBytes < prepared.minBytes) throw tooSmall(expectedBytes, prepared.minBytes)
  }
  if (signal?.aborted === true) throw abortError(signal.reason)
  return prepared
}

/** The error of a file that has more bytes than it may. */
export function tooLarge(limit: number, option = 'maxBytes'): TempFileError {
  return new TempFileError(
    'ERR_TEMP_TOO_LARGE',
    `The file is larger than the ${limit} bytes accepted. Send a smaller one.`,
    { details: { limit, option } },
  )
}

/** The error of a file that has fewer bytes than it must. */
export function tooSmall(bytes: number, minimum: number): TempFileError {
  return new TempFileError(
    'ERR_TEMP_TOO_SMALL',
    `The file has ${bytes} bytes; at least ${minimum} are needed for it to be a file of its kind.`,
    { details: { limit: minimum, option: 'accept.minBytes', bytes } },
  )
}

/** The error of a file whose digest is not the expected one. */
export function wrongDigest({ algorithm, value }: ExpectedDigest, digest: string): TempFileError {
  return new TempFileError(
    'ERR_TEMP_TRUNCATED',
    `The ${algorithm} digest of the bytes received is not the expected one: they were changed or lost on the way. Send the file again.`,
    { details: { option: 'expectedDigest', algorithm, expected: value, digest } },
  )
}

const digestKeys = optionsOf('expectedDigest', { algorithm: digestName, value: text })

/** An {@link ExpectedDigest}, its value in lower case. */
export function expectedDigest(given: unknown, option: string): ExpectedDigest {
  const { algorithm, value } = digestKeys(given, option)
  if (algorithm === undefined || value === undefined) {
    throw optionError(option, `${option} must be { algorithm: 'sha256', value: '<hex>' }.`)
  }
  const digits = crypto().createHash(algorithm).digest('hex').length
  if (value.length !== digits || !/^[0-9a-f]+$/i.test(value)) {
    throw optionError(
      `${option}.value`,
      `${option}.value must be ${digits} hex digits, the length of a ${algorithm} digest.`,
    )
  }
  return { algorithm, value: value.toLowerCase() }
}

/** The name of a digest. Creates one: getHashes() lists names that OpenSSL 3 no longer provides. */
export function digestName(hash: unknown, option: string): string {
  try {
    if (typeof hash === 'string') {
      crypto().createHash(hash)
      return hash
    }
  } catch {
    // Reported below.
  }
  throw optionError(
    option,
    `${option} must be the name of a digest that crypto.getHashes() lists, for example 'sha256'.`,
  )
}
