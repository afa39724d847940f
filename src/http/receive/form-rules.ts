// What a form may hold, and what is said when it holds more. Promise: every limit has a default that a
// stranger's request cannot exhaust the server's memory with, and a bad rule is refused before a byte is read.

import { TempFileError } from '../../errors.ts'
import type { FileRules, Size } from '../../index.ts'
import { toBytes } from '../../input/units.ts'
import type { Progress } from '../../types.ts'

/** Rules for the files of one form field. */
export interface FieldRules {
  /** What each file of the field must be; instead of the form's `accept`. */
  readonly accept?: FileRules | undefined
  /** The most bytes of each of its files; instead of the form's `maxFileBytes`. */
  readonly maxBytes?: Size | undefined
  /** The most files in this field; more are ERR_TEMP_TOO_LARGE. Default: only the form's `maxFiles` counts. */
  readonly maxFiles?: number | undefined
  /** At least one file must come in this field, or the form is ERR_TEMP_FORM_INVALID. Default false. */
  readonly required?: boolean | undefined
}

/** What a form may hold. Everything over a limit is ERR_TEMP_TOO_LARGE, the moment it is over. */
export interface FormRules {
  /** What each file must be, for example `fileRules.video`. Default: anything. */
  readonly accept?: FileRules | undefined
  /** Rules by field name. If given, files in fields not listed are refused: ERR_TEMP_FORM_INVALID. */
  readonly fields?: Readonly<Record<string, FieldRules>> | undefined
  /** The most files; default 100. */
  readonly maxFiles?: number | undefined
  /** The most bytes of each file; default: the manager's `limits.fileBytes`. */
  readonly maxFileBytes?: Size | undefined
  /** The most bytes of the whole request body, text and separators included; default: no limit. */
  readonly maxTotalBytes?: Size | undefined
  /** The most text fields; default 1,000. */
  readonly maxFields?: number | undefined
  /** The most bytes of one text field; default '1mb'. */
  readonly maxFieldBytes?: Size | undefined
  /** The most bytes of all text fields together, which stand in memory; default '8mb'. */
  readonly maxTextBytes?: Size | undefined
  /** The most parts, files and text fields together; default 1,000. */
  readonly maxParts?: number | undefined
  /** The most header lines of one part; default 16. More are ERR_TEMP_FORM_INVALID. */
  readonly maxHeaderPairs?: number | undefined
  /** A digest of each file to compute on the way. */
  readonly hash?: 'sha256' | (string & {}) | undefined
  /** The beginning of the files' names on disk; default: the manager's `prefix`. */
  readonly prefix?: string | undefined
  /** Aborting it ends the upload with ERR_TEMP_ABORTED. The signal of a scope that owns the files does so too. */
  readonly signal?: AbortSignal | undefined
  /** Told of the bytes of the request's body, at most ten times a second, and once more at the end. */
  readonly onProgress?: ((progress: Progress) => void) | undefined
}

/** Rules with every default filled in; sizes in bytes. */
export interface FormLimits {
  readonly maxFiles: number
  readonly maxTotalBytes: number
  readonly maxFields: number
  readonly maxFieldBytes: number
  readonly maxTextBytes: number
  readonly maxParts: number
  readonly maxHeaderPairs: number
}

/** Checks the rules of a form. @throws ERR_TEMP_OPTION_INVALID */
export function formLimits(rules: FormRules): FormLimits {
  for (const [field, { maxFiles }] of Object.entries(rules.fields ?? {})) {
    if (maxFiles !== undefined) count(maxFiles, 0, `fields['${field}'].maxFiles`)
  }
  return {
    maxFiles: count(rules.maxFiles, 100, 'maxFiles'),
    maxTotalBytes:
      rules.maxTotalBytes === undefined
        ? Number.POSITIVE_INFINITY
        : toBytes(rules.maxTotalBytes, 'maxTotalBytes'),
    maxFields: count(rules.maxFields, 1_000, 'maxFields'),
    maxFieldBytes: toBytes(rules.maxFieldBytes ?? '1mb', 'maxFieldBytes'),
    maxTextBytes: toBytes(rules.maxTextBytes ?? '8mb', 'maxTextBytes'),
    maxParts: count(rules.maxParts, 1_000, 'maxParts'),
    maxHeaderPairs: count(rules.maxHeaderPairs, 16, 'maxHeaderPairs'),
  }
}

function count(value: number | undefined, fallback: number, option: string): number {
  if (value === undefined) return fallback
  if (Number.isSafeInteger(value) && value >= 0) return value
  throw new TempFileError('ERR_TEMP_OPTION_INVALID', `${option} must be a whole number, 0 or more.`)
}

export function tooLarge(
  what: string,
  limit: number,
  details?: Record<string, string | number>,
): TempFileError {
  return new TempFileError('ERR_TEMP_TOO_LARGE', `The form has ${what}. The most allowed here is ${limit}.`, {
    details: { limit, ...details },
  })
}

export function formInvalid(message: string, cause?: unknown): TempFileError {
  return new TempFileError('ERR_TEMP_FORM_INVALID', message, { cause })
}
