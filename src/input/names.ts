// The only place that accepts an outside string as a name. Guarantee: an accepted name is one path component that every
// supported file system stores unchanged; it cannot leave its directory and cannot disguise itself in a log.

import { TempFileError } from '../errors.ts'
import { platform } from '../platform/index.ts'

/** NAME_MAX of Linux, macOS and NTFS file systems, in bytes (POSIX limits.h). */
const MAX_BYTES = 255

// Controls (C0, DEL, C1), line and paragraph separators, and the bidi controls of Unicode TR9 / CVE-2021-42574.
// biome-ignore lint/suspicious/noControlCharactersInRegex: these are what is refused
const UNSAFE = /[\u0000-\u001f\u007f-\u009f\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069]/
const UNSAFE_ALL = new RegExp(UNSAFE.source, 'g')

// https://learn.microsoft.com/windows/win32/fileio/naming-a-file : reserved with any extension too. Without the flag `i`,
// because V8 takes 0.1 ms to compile an expression that ignores case, and only for names that begin like one of these.
const WINDOWS_RESERVED = /^(?:con|prn|aux|nul|conin\$|conout\$|(?:com|lpt)[0-9\u00b9\u00b2\u00b3])(?:\.|$)/
const LONGEST_RESERVED = 'conout$.'.length

function isReserved(name: string): boolean {
  return (
    'acnlp'.includes(name.charAt(0).toLowerCase()) &&
    WINDOWS_RESERVED.test(name.slice(0, LONGEST_RESERVED).toLowerCase())
  )
}

type Part = 'name' | 'prefix' | 'suffix'

function refuse(part: string, why: string): never {
  throw new TempFileError(
    'ERR_TEMP_NAME_INVALID',
    `The ${part} ${why}. Give one plain file name component.`,
    {
      details: { option: part },
    },
  )
}

function checkCharacters(part: Part, value: unknown): asserts value is string {
  if (typeof value !== 'string')
    refuse(part, `must be a string, not ${value === null ? 'null' : typeof value}`)
  if (!isPlain(value)) checkUnusual(part, value)
  if (platform().forbiddenInNames?.test(value) === true)
    refuse(part, 'contains a character that this system forbids in file names')
}

/** Printable ASCII without separators. A program with plain names compiles none of the expressions for others. */
function isPlain(value: string): boolean {
  for (let index = 0; index < value.length; index++) {
    const unit = value.charCodeAt(index)
    if (unit < 0x20 || unit > 0x7e || unit === SLASH || unit === BACKSLASH) return false
  }
  return true
}

const SLASH = 0x2f
const BACKSLASH = 0x5c

function checkUnusual(part: Part, value: string): void {
  if (value.includes('/') || value.includes('\\')) refuse(part, 'contains a path separator')
  if (UNSAFE.test(value)) refuse(part, 'contains a control or text-direction character')
  if (!value.isWellFormed()) refuse(part, 'is not well-formed Unicode (it has half a surrogate pair)')
}

function hasDroppedEnd(value: string): boolean {
  return value.endsWith('.') || value.endsWith(' ')
}

/** Checks a whole file name and returns it. @throws ERR_TEMP_NAME_INVALID */
export function checkName(value: unknown, what: Part = 'name'): string {
  checkCharacters(what, value)
  if (value === '') refuse(what, 'is empty')
  if (value === '.' || value === '..') refuse(what, `is '${value}', which names a directory`)
  if (hasDroppedEnd(value)) refuse(what, 'ends in a dot or a space, which Windows drops')
  if (isReserved(value)) refuse(what, 'is reserved by Windows')
  if (Buffer.byteLength(value) > MAX_BYTES) refuse(what, `is longer than ${MAX_BYTES} bytes`)
  return value
}

/**
 * Checks a prefix and a suffix that will surround a generated middle part of `middleBytes` bytes.
 * @throws ERR_TEMP_NAME_INVALID
 */
export function checkAffixes(prefix: unknown, suffix: unknown, middleBytes: number): void {
  checkCharacters('prefix', prefix)
  checkCharacters('suffix', suffix)
  if (hasDroppedEnd(suffix)) refuse('suffix', 'ends in a dot or a space, which Windows drops')
  if (isReserved(prefix)) refuse('prefix', 'is reserved by Windows')
  if (Buffer.byteLength(prefix) + middleBytes + Buffer.byteLength(suffix) > MAX_BYTES) {
    refuse('prefix or suffix', `makes the whole name longer than ${MAX_BYTES} bytes`)
  }
}

/** A name made safe to show and to log; never used as a path. Empty becomes 'file'; at most 255 bytes. */
export function displayName(value: string): string {
  const last = value.toWellFormed().replace(/^.*[/\\]/s, '')
  const clean = last
    .replace(UNSAFE_ALL, '')
    .replace(/[<>:"|?*]/g, '_')
    .trim()
    .replace(/[. ]+$/, '')
  if (clean === '' || clean === '.' || clean === '..') return 'file'
  return cutToBytes(isReserved(clean) ? `_${clean}` : clean, MAX_BYTES)
}

/** Shortens from the middle, so that the extension stays, without splitting a character. */
function cutToBytes(name: string, limit: number): string {
  if (Buffer.byteLength(name) <= limit) return name
  const dot = name.lastIndexOf('.')
  const extension = dot > 0 && Buffer.byteLength(name.slice(dot)) <= 32 ? name.slice(dot) : ''
  let stem = ''
  let room = limit - Buffer.byteLength(extension)
  for (const character of name.slice(0, name.length - extension.length)) {
    room -= Buffer.byteLength(character)
    if (room < 0) break
    stem += character
  }
  return stem.replace(/[. ]+$/, '') + extension
}

/** The extension of a name, with its dot, that is safe on every disk: up to 16 letters and digits. Empty for any other. */
export function plainExtension(name: string): string {
  return /\.[a-z0-9]{1,16}$/i.exec(name)?.[0] ?? ''
}

/** Text from outside made fit for one line of a log: unsafe characters become '?', at most 200 characters. */
export function forLog(value: string): string {
  const safe = value.toWellFormed().replace(UNSAFE_ALL, '?')
  return safe.length > 200 ? `${safe.slice(0, 200)}...` : safe
}
