// Rules for files: what a file must be to be accepted.
// Guarantee: rules are checked once; what is prepared can be passed wherever rules are expected and is not checked again.

import { optionError } from '../errors.ts'
import { forLog } from '../input/names.ts'
import { callback, listOf, optionsOf, size, text } from '../input/options.ts'
import type { FileRules, TempFile } from '../types.ts'
import { canonicalType, hasSignature, typesOfExtension } from './media-types.ts'

/** Rules after their check. They are rules themselves: pass them where FileRules are expected. */
export interface PreparedRules extends FileRules {
  /** Undefined: any extension. Lower case, with the dot. */
  readonly extensions: readonly string[] | undefined
  /** Undefined: the bytes are not looked at. Canonical. */
  readonly types: readonly string[] | undefined
  readonly minBytes: number
  readonly maxBytes: number
  readonly validate: ((file: TempFile) => Promise<void> | void) | undefined
}

const checkKeys = optionsOf('accept', {
  extensions: listOf(text),
  types: listOf(text),
  minBytes: size,
  maxBytes: size,
  validate: callback<(file: TempFile) => Promise<void> | void>(),
})

/** Marks prepared rules, for every copy of the package: middleware of one copy may serve a manager of another. */
const PREPARED = Symbol.for('temp-file-manager.prepared-rules.v1')

/** Checks rules; `option` is their full name, for errors. @throws ERR_TEMP_OPTION_INVALID */
export function prepareRules(rules: unknown, option = 'accept'): PreparedRules {
  if (isPrepared(rules)) return rules
  if (rules === undefined) throw optionError(option, `${option} must be an object, not undefined.`)
  const {
    extensions: rawExtensions,
    types: rawTypes,
    minBytes = 0,
    maxBytes = Number.POSITIVE_INFINITY,
    validate,
  } = checkKeys(rules, option)
  const extensions = nonEmpty(rawExtensions, `${option}.extensions`)?.map((extension) =>
    (extension.startsWith('.') ? extension : `.${extension}`).toLowerCase(),
  )
  const types = nonEmpty(rawTypes, `${option}.types`)?.map(canonicalType)
  for (const type of types ?? []) {
    if (!/^[^/\s]+\/[^/\s]+$/.test(type))
      throw optionError(
        `${option}.types`,
        `${option}.types has '${forLog(type)}', which is not a media type.`,
      )
  }
  for (const extension of extensions ?? []) {
    if (types === undefined && !hasSignature(extension)) {
      throw optionError(
        `${option}.extensions`,
        `${option}.extensions has '${forLog(extension)}', and files of this kind have no signature known here. ` +
          `To accept them by extension, list their media type in ${option}.types, for example 'text/plain'.`,
      )
    }
  }
  if (minBytes > maxBytes)
    throw optionError(`${option}.minBytes`, `${option}.minBytes is larger than ${option}.maxBytes.`)
  const prepared: PreparedRules = {
    extensions,
    types: types ?? typesOf(extensions),
    minBytes,
    maxBytes,
    // As a method of the rules, which may be an object with state.
    validate: validate?.bind(rules),
  }
  return Object.freeze(Object.defineProperty(prepared, PREPARED, { value: true }))
}

/** Each type once: `.jpg` and `.jpeg` are one. */
function typesOf(extensions: readonly string[] | undefined): readonly string[] | undefined {
  if (extensions === undefined) return undefined
  return [...new Set(extensions.flatMap((extension) => typesOfExtension(extension) ?? []))]
}

function isPrepared(rules: unknown): rules is PreparedRules {
  return typeof rules === 'object' && rules !== null && PREPARED in rules
}

function nonEmpty(list: readonly string[] | undefined, option: string): readonly string[] | undefined {
  if (list === undefined || (list.length > 0 && !list.includes(''))) return list
  throw optionError(option, `${option} must have at least one item, and no empty one.`)
}
