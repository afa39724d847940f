// Whether a file is what its rules ask for, in two stages: its names before the first byte, its signature on the first
// 4 KB. Guarantee: a file whose name, declared type and content contradict each other is refused.

import { errnoOf, ioError, TempFileError } from '../errors.ts'
import { forLog } from '../input/names.ts'
import { onDemand } from '../runtime/load-on-demand.ts'
import type { PreparedRules } from './file-rules.ts'
import {
  areOfDifferentKinds,
  canonicalType,
  extensionOf,
  hasSignature,
  isCompatible,
  isUnsignedText,
  isWanted,
  typesOfExtension,
} from './media-types.ts'

/** A sender's declaration about a file; undefined where it declares nothing. */
export interface Declared {
  readonly name: string | undefined
  readonly type: string | undefined
}

/** The bytes that the signature is looked for in; file-type's own minimum is 4,100 for rare formats. */
export const HEAD_BYTES = 4096

/** First stage, before a byte is read: the extension, and the declared type. @throws ERR_TEMP_TYPE_REJECTED */
export function checkDeclared(rules: PreparedRules, declared: Declared): void {
  const extension = declared.name === undefined ? undefined : extensionOf(declared.name)
  if (rules.extensions !== undefined && extension !== undefined && !rules.extensions.includes(extension)) {
    const what =
      extension === '' ? 'A file without an extension' : `A file with the extension '${forLog(extension)}'`
    reject(`${what} is not accepted here. Accepted: ${rules.extensions.join(', ')}.`, rules.extensions)
  }
  if (rules.types === undefined) return
  const type = informative(declared.type)
  if (type === undefined) return
  const expected = extension === undefined ? undefined : typesOfExtension(extension)
  // A type that the extension itself allows does not contradict it, though `types` may call it otherwise.
  if (expected?.some((one) => isCompatible(type, canonicalType(one)))) return
  if (expected !== undefined)
    reject(
      `The declared type '${forLog(type)}' does not fit the extension '${forLog(extension ?? '')}'.`,
      rules.types,
    )
  if (!isWanted(type, rules.types) && !rules.types.some((want) => isCompatible(type, want))) {
    reject(
      `The declared type '${forLog(type)}' is not accepted here. Accepted: ${rules.types.join(', ')}.`,
      rules.types,
    )
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
  // file-type takes the byte order mark of UTF-16 for the first frame of MPEG audio.
  const found = isUnsignedText(extension) && isUtf16(head) ? undefined : await signatureOf(head)
  if (found === undefined) {
    if (!passesByName(types, extension, declared.type, head)) {
      reject(`The file has no signature of an accepted type. Accepted: ${types.join(', ')}.`, types)
    }
    return undefined
  }
  const type = canonicalType(found)
  const expected = typesOfExtension(extension)
  if (expected !== undefined && !expected.some((one) => isCompatible(type, canonicalType(one)))) {
    reject(
      `The file's content is '${type}', which does not fit its extension '${forLog(extension)}'.`,
      types,
      type,
    )
  }
  if (expected === undefined && (await isOfOtherKind(extension, type))) {
    reject(
      `The file's content is '${type}', which does not fit its extension '${forLog(extension)}'.`,
      types,
      type,
    )
  }
  // With `types` derived from extensions, a sibling in the same container is accepted too (.mp4 with brand 'qt').
  if (
    !isWanted(type, types) &&
    !types.some((want) => expected?.includes(want) === true && isCompatible(type, want))
  ) {
    reject(
      `The file's content is '${type}', which is not accepted here. Accepted: ${types.join(', ')}.`,
      types,
      type,
    )
  }
  return found
}

/**
 * Whether an extension that is not in our tables is known (mime-db) as one of another kind than a type: a picture named
 * `.php` or `.exe`. Within a kind mime-db and file-type call many formats by different names.
 */
async function isOfOtherKind(extension: string, type: string): Promise<boolean> {
  if (extension === '') return false
  const { lookup } = (await loaded('mime-types', mimeTypes)).default
  const known = lookup(extension)
  return known !== false && areOfDifferentKinds(known, type)
}

/** Text without a signature: its type must be listed by name, and the bytes must not look binary. */
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

/** The type whose signature the head has. */
async function signatureOf(head: Uint8Array): Promise<string | undefined> {
  const { fileTypeFromBuffer } = await loaded('file-type', fileType)
  return (await fileTypeFromBuffer(head.subarray(0, HEAD_BYTES)))?.mime
}

const fileType = onDemand(() => import('file-type'))
const mimeTypes = onDemand(() => import('mime-types')) // 200 KB of tables, for rare extensions only

async function loaded<M>(name: string, load: () => Promise<M>): Promise<M> {
  try {
    return await load()
  } catch (cause) {
    const errno = errnoOf(cause)
    if (errno === 'EMFILE' || errno === 'ENFILE') throw ioError(cause, 'detect the type of the file')
    throw new TempFileError(
      'ERR_TEMP_IO',
      `Could not detect the type of the file: the package ${name} cannot be loaded here. In Jest, start Node with --experimental-vm-modules; in an ES module that esbuild bundled, define require (docs/compatibility.md).`,
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

/** The byte order mark of UTF-16. */
function isUtf16(head: Uint8Array): boolean {
  return (head[0] === 0xff && head[1] === 0xfe) || (head[0] === 0xfe && head[1] === 0xff)
}

/** A declared type that means something: browsers and curl send the others when they do not know. */
function informative(type: string | undefined): string | undefined {
  if (type === undefined) return undefined
  const canonical = canonicalType(type)
  const meaningless = [
    '',
    'application/octet-stream',
    'binary/octet-stream',
    'application/x-www-form-urlencoded',
  ]
  return meaningless.includes(canonical) ? undefined : canonical
}

function reject(message: string, accepted: readonly string[], detected?: string): never {
  throw new TempFileError('ERR_TEMP_TYPE_REJECTED', message, {
    details: { accepted, ...(detected === undefined ? {} : { detected }) },
  })
}
