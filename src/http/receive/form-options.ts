// The limits of a form. Guarantee: every limit that protects memory has a default, and a bad option is refused when
// the form is prepared: for middleware when it is created, otherwise before a byte of the request is read.

import { optionError } from '../../errors.ts'
import { type PreparedRules, prepareRules } from '../../file-types/file-rules.ts'
import type { FileRules, Size } from '../../index.ts'
import { namePrefix } from '../../input/file-options.ts'
import { boolean, callback, integer, nested, optionsOf, preset, recordOf, size } from '../../input/options.ts'
import { storeOptions } from '../../streams/receive-options.ts'
import type { Progress } from '../../types.ts'

/** Rules for the files of one form field. */
export interface FieldRules {
  /** The rules for each file of the field; instead of the form's `accept`. */
  readonly accept?: FileRules | undefined
  /** The most bytes of each of its files; instead of the form's `maxFileBytes`. */
  readonly maxBytes?: Size | undefined
  /** The most files in this field; more are ERR_TEMP_TOO_LARGE. Default: only the form's `maxFiles` counts. */
  readonly maxFiles?: number | undefined
  /** At least one file must come in this field and not be left out by `skip`, or the form is ERR_TEMP_FORM_INVALID. Default false. */
  readonly required?: boolean | undefined
}

/** The client's declaration about a file, before a byte of it is read. */
export interface DeclaredFile {
  /** The form field it comes in. */
  readonly fieldName: string
  /** The client's name for it, made safe to show (never a path). */
  readonly originalName: string
  /** The media type that the client claims; undefined if it claims none. */
  readonly declaredType: string | undefined
}

/** The limits of a form. A part over a limit is ERR_TEMP_TOO_LARGE as soon as it exceeds it. */
export interface FormOptions {
  /** The rules for each file, for example `fileRules.video`. Default: any file. */
  readonly accept?: FileRules | undefined
  /** Rules by field name. If given, files in fields not listed are refused: ERR_TEMP_FORM_INVALID. */
  readonly fields?: Readonly<Record<string, FieldRules>> | undefined
  /**
   * Called before each file is stored; true leaves this one out and keeps the form. A file that is left out still
   * counts for `maxFiles` and its size limit. An error that it throws fails the form. Default: no file is left out.
   */
  readonly skip?: ((file: DeclaredFile) => boolean | Promise<boolean>) | undefined
  /** The most files; default 100. */
  readonly maxFiles?: number | undefined
  /**
   * The most bytes of each file; default: the manager's `limits.fileBytes`, which has no default of its own. The rules
   * in `accept` may have a `maxBytes` too (the presets do); the smallest counts.
   */
  readonly maxFileBytes?: Size | undefined
  /** The most bytes of the whole request body, text and separators included; default: no limit. */
  readonly maxTotalBytes?: Size | undefined
  /** The most text fields; default 1,000. */
  readonly maxFields?: number | undefined
  /** The most bytes of one text field; default '1mb'. */
  readonly maxFieldBytes?: Size | undefined
  /** The most bytes of one field name; default 256. */
  readonly maxFieldNameBytes?: Size | undefined
  /** The most bytes of all text fields together, which are held in memory; default '8mb'. */
  readonly maxTextBytes?: Size | undefined
  /** The most parts, files and text fields together; default 1,000. */
  readonly maxParts?: number | undefined
  /** The most header lines of one part; default 16. More are ERR_TEMP_FORM_INVALID. */
  readonly maxHeaderPairs?: number | undefined
  /**
   * Reads a part of type `application/json` that has no file name, or the name 'blob' that `FormData` gives to a Blob, as a
   * field and parses it; broken JSON is ERR_TEMP_FORM_INVALID. Default false: without a name it is text, with one a file.
   */
  readonly decodeJsonParts?: boolean | undefined
  /** A digest of each file to compute on the way. */
  readonly hash?: 'sha256' | (string & {}) | undefined
  /** The beginning of the files' names on disk; default: the manager's `prefix`. */
  readonly prefix?: string | undefined
  /** Aborting it ends the upload with ERR_TEMP_ABORTED. The signal of a scope that owns the files does so too. */
  readonly signal?: AbortSignal | undefined
  /** Called with the bytes of the request's body at most ten times a second, and once more at the end. */
  readonly onProgress?: ((progress: Progress) => void) | undefined
}

/** Rules of one field, checked. */
export interface PreparedField {
  readonly accept: PreparedRules | undefined
  readonly maxBytes: number | undefined
  readonly maxFiles: number
  readonly required: boolean
}

/** Options of a form, checked once, every default filled in; sizes in bytes. */
export interface PreparedForm
  extends Limits,
    Pick<FormOptions, 'skip' | 'hash' | 'prefix' | 'signal' | 'onProgress'> {
  readonly accept: PreparedRules | undefined
  readonly fields: ReadonlyMap<string, PreparedField> | undefined
  readonly maxFileBytes: number | undefined
  readonly maxTotalBytes: number
  readonly decodeJsonParts: boolean
}

interface Limits {
  readonly maxFiles: number
  readonly maxFields: number
  readonly maxFieldBytes: number
  readonly maxFieldNameBytes: number
  readonly maxTextBytes: number
  readonly maxParts: number
  readonly maxHeaderPairs: number
}

const DEFAULTS: Limits = {
  maxFiles: 100,
  maxFields: 1000,
  maxFieldBytes: 1024 * 1024,
  maxFieldNameBytes: 256,
  maxTextBytes: 8 * 1024 * 1024,
  maxParts: 1000,
  maxHeaderPairs: 16,
}

const count = integer()
const rules = preset(prepareRules)

const checkOptions = optionsOf('receiveForm', {
  ...storeOptions,
  fields: recordOf(nested({ accept: rules, maxBytes: size, maxFiles: count, required: boolean }, 'a field')),
  skip: callback<NonNullable<FormOptions['skip']>>(),
  maxFiles: count,
  maxFileBytes: size,
  maxTotalBytes: size,
  maxFields: count,
  maxFieldBytes: size,
  maxFieldNameBytes: size,
  maxTextBytes: size,
  maxParts: count,
  maxHeaderPairs: count,
  decodeJsonParts: boolean,
  prefix: namePrefix,
})

/** Options of a form, checked, without the defaults. */
export type CheckedForm = ReturnType<typeof checkOptions>

/** Checks the options of a form; those that are absent are taken from `base`. @throws ERR_TEMP_OPTION_INVALID, ERR_TEMP_NAME_INVALID */
export function checkForm(options: FormOptions | undefined, base?: CheckedForm): CheckedForm {
  const checked = checkOptions(options)
  if (Object.hasOwn(checked.fields ?? {}, ''))
    throw optionError('fields', 'fields has an empty name, which no form field can have.')
  if (base === undefined) return checked
  const given = Object.entries(checked).filter(([, value]) => value !== undefined)
  return { ...base, ...Object.fromEntries(given) }
}

/** Checks the options of a form and fills in the defaults. @throws ERR_TEMP_OPTION_INVALID, ERR_TEMP_NAME_INVALID */
export function prepareForm(options: FormOptions | undefined): PreparedForm {
  return withDefaults(checkForm(options))
}

/** Fills in the defaults. */
export function withDefaults(checked: CheckedForm): PreparedForm {
  const { fields, ...given } = checked
  const limit = (name: keyof Limits): number => given[name] ?? DEFAULTS[name]
  const prepared = Object.entries(fields ?? {}).map(([name, field]): [string, PreparedField] => [
    name,
    {
      accept: field.accept ?? given.accept,
      maxBytes: field.maxBytes,
      maxFiles: field.maxFiles ?? Number.POSITIVE_INFINITY,
      required: field.required ?? false,
    },
  ])
  return {
    ...given,
    fields: fields === undefined ? undefined : new Map(prepared),
    maxTotalBytes: given.maxTotalBytes ?? Number.POSITIVE_INFINITY,
    decodeJsonParts: given.decodeJsonParts ?? false,
    maxFiles: limit('maxFiles'),
    maxFields: limit('maxFields'),
    maxFieldBytes: limit('maxFieldBytes'),
    maxFieldNameBytes: limit('maxFieldNameBytes'),
    maxTextBytes: limit('maxTextBytes'),
    maxParts: limit('maxParts'),
    maxHeaderPairs: limit('maxHeaderPairs'),
  }
}
