// What a file must be to be accepted, judged in stages: its names before the first byte, its signature on the
// first 4 KB, its size while it streams. Promise: a file that the names and the bytes disagree about is refused.

import { optionError, TempFileError } from '../errors.ts'
import { forLog } from '../input/names.ts'
import { callback, listOf, optionsOf, size, text } from '../input/options.ts'
import type { FileRules, TempFile } from '../types.ts'
import {
  canonicalType,
  extensionOf,
  hasSignature,
  isCompatible,
  isUnsignedText,
  isWanted,
  typesOfExtension,
} from './media-types.ts'

/** What a sender says of a file; undefined where nothing was said. */
export interface Declared {
  readonly name: string | undefined
  readonly type: string | undefined
}

/** Rules checked once, in the form that the stages read. */
export interface PreparedRules {
  /** Undefined: any extension. Lower case, with the dot. */
  readonly extensions: readonly string[] | undefined
  /** Undefined: the bytes are not looked at. Canonical. */
  readonly types: readonly string[] | undefined
  readonly minBytes: number
  readonly maxBytes: number
  readonly inspect: ((file: TempFile) => Promise<void> | void) | undefined
}

/** The bytes that the signature is looked for in; file-type's own minimum is 4,100 for rare formats. */
export const HEAD_BYTES = 4096

/**
 * Rules for common cases. Spread one to change it: `{ ...fileRules.video, maxBytes: '2gb' }`.
 * `video`: .mp4 .mov .avi .mkv .webm, 1 KB to 500 MB. `image`: .jpg .jpeg .png .gif .webp .avif .heic .heif, at
 * most 50 MB (no .svg: it can carry scripts). `pdf`: .pdf, at most 100 MB.
 */
export const fileRules: { readonly video: FileRules; readonly image: FileRules; readonly pdf: FileRules } = {
  video: { extensions: ['.mp4', '.mov', '.avi', '.mkv', '.webm'], minBytes: '1kb', maxBytes: '500mb' },
  image: {
    extensions: ['.jpg', '.jpeg', '.png', '.gif', '.webp', '.avif', '.heic', '.heif'],
    minBytes: 1,
    maxBytes: '50mb',
  },
  pdf: { extensions: ['.pdf'], minBytes: 1, maxBytes: '100mb' },
}

const checkKeys = optionsOf('accept', {
  extensions: listOf(text),
  types: listOf(text),
  minBytes: size,
  maxBytes: size,
  inspect: callback<(file: TempFile) => Promise<void> | void>(),
})

/** Checks rules; `option` is their full name, for errors. @throws ERR_TEMP_OPTION_INVALID */
export function checkFileRules(rules: unknown, option = 'accept'): PreparedRules {
  const {
    extensions: rawExtensions,
    types: rawTypes,
    minBytes = 0,
    maxBytes = Number.POSITIVE_INFINITY,
    inspect,
  } = checkKeys(rules ?? null, option)
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
  return {
    extensions,
    types: types ?? extensions?.flatMap((extension) => typesOfExtension(extension) ?? []),
    minBytes,
    maxBytes,
    // As a method of the rules, which may be an object with state.
    inspect: inspect?.bind(rules),
  }
}

/** First stage, before a byte is read: the extension, and the declared type. @throws ERR_TEMP_TYPE_REJECTED */
export function checkDeclared(rules: PreparedRules, declared: Declared): void {
  const extension = declared.name === undefined ? undefined : extensionOf(declared.name)
  if (rules.extensions !== undefined && extension !== undefined && !rules.extensions.includes(extension)) {
    const what = extension === '' ? 'A file without an extension' : `A file named '${forLog(extension)}'`
    reject(`${what} is not accepted here. Accepted: ${rules.extensions.join(', ')}.`)
  }
  if (rules.types === undefined) return
  const type = informative(declared.type)
  if (type === undefined) return
  const expected = extension === undefined ? undefined : typesOfExtension(extension)
  // A type that the extension itself allows is no contradiction, though `types` may name it otherwise.
  if (expected?.some((one) => isCompatible(type, canonicalType(one)))) return
  if (expected !== undefined)
    reject(`The declared type '${forLog(type)}' does not fit the extension '${extension}'.`)
  if (!isWanted(type, rules.types) && !rules.types.some((want) => isCompatible(type, want))) {
    reject(`The declared type '${forLog(type)}' is not accepted here. Accepted: ${rules.types.join(', ')}.`)
  }
}

/**
 * Second stage, on the first bytes (all of them, if the file is shorter than {@link HEAD_BYTES}): their
 * signature must be accepted, and fit the extension. Returns the type found, undefined for text that passed
 * by its extension.
 * @throws ERR_TEMP_TYPE_REJECTED
 */
export async function checkHead(
  rules: PreparedRules,
  declared: Declared,
  head: Uint8Array,
): Promise<string | undefined> {
  const { types } = rules
  if (types === undefined) return undefined
  const extension = declared.name === undefined ? '' : extensionOf(declared.name)
  // file-type takes the mark of UTF-16 for the first frame of an MPEG sound.
  const found = isUnsignedText(extension) && isUtf16(head) ? undefined : await signatureOf(head)
  if (found === undefined) {
    if (!passesByName(types, extension, declared.type, head)) {
      reject(`The file has no signature of an accepted type. Accepted: ${types.join(', ')}.`)
    }
    return undefined
  }
  const type = canonicalType(found)
  const expected = typesOfExtension(extension)
  if (expected !== undefined && !expected.some((one) => isCompatible(type, canonicalType(one)))) {
    reject(`The file's contents are '${type}', which does not fit its extension '${forLog(extension)}'.`)
  }
  // With `types` made from extensions a sibling of the same container is meant as well (.mp4 with brand 'qt').
  if (
    !isWanted(type, types) &&
    !types.some((want) => expected?.includes(want) === true && isCompatible(type, want))
  ) {
    reject(`The file's contents are '${type}', which is not accepted here. Accepted: ${types.join(', ')}.`)
  }
  return found
}

/** Text without a signature: its type must be asked for by name, and the bytes must not look binary. */
function passesByName(
  types: readonly string[],
  extension: string,
  declaredType: string | undefined,
  head: Uint8Array,
): boolean {
  if (hasSignature(extension)) return false
  const type = informative(declaredType)
  const itsTypes = typesOfExtension(extension) ?? (type === undefined ? ['text/plain'] : [type])
  const asked = types.filter((type) => type !== '*/*' && type !== 'application/*')
  return itsTypes.some((one) => isWanted(canonicalType(one), asked)) && !looksBinary(head)
}

/** The type whose signature the head bears. */
async function signatureOf(head: Uint8Array): Promise<string | undefined> {
  const { fileTypeFromBuffer } = await fileType()
  return (await fileTypeFromBuffer(head.subarray(0, HEAD_BYTES)))?.mime
}

/** Loaded only when somebody asks for it. */
async function fileType(): Promise<typeof import('file-type')> {
  try {
    return await import('file-type')
  } catch (cause) {
    throw new TempFileError(
      'ERR_TEMP_IO',
      'The kind of the file could not be looked at: the package file-type, an ES module, cannot be loaded here. In Jest, start Node with --experimental-vm-modules.',
      { cause },
    )
  }
}

/** Zero bytes are in no text but UTF-16, where a whole zero character is in none. */
function looksBinary(head: Uint8Array): boolean {
  if (!isUtf16(head)) return head.includes(0)
  for (let at = 0; at + 1 < head.length; at += 2) if (head[at] === 0 && head[at + 1] === 0) return true
  return false
}

/** UTF-16 says so in its first two bytes. */
function isUtf16(head: Uint8Array): boolean {
  return (head[0] === 0xff && head[1] === 0xfe) || (head[0] === 0xfe && head[1] === 0xff)
}

/** A declared type that says something: browsers and curl send these when they do not know. */
function informative(type: string | undefined): string | undefined {
  if (type === undefined) return undefined
  const canonical = canonicalType(type)
  const silent = ['', 'application/octet-stream', 'binary/octet-stream', 'application/x-www-form-urlencoded']
  return silent.includes(canonical) ? undefined : canonical
}

function nonEmpty(list: readonly string[] | undefined, option: string): readonly string[] | undefined {
  if (list === undefined || (list.length > 0 && !list.includes(''))) return list
  throw optionError(option, `${option} must have at least one item, and no empty one.`)
}

function reject(message: string): never {
  throw new TempFileError('ERR_TEMP_TYPE_REJECTED', message)
}
