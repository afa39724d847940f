// The options of reading and writing a temp file's content.
// Guarantee: a mistake throws ERR_TEMP_OPTION_INVALID before the file is opened, and never becomes an 'error' event.

import { constants } from 'node:fs'
import { optionError } from '../errors.ts'
import { abortSignal, integer, type Kind, oneOf, optionsOf, text } from '../input/options.ts'

const offset = integer()

/** The last byte to read; Node uses `Infinity` for 'to the end'. */
const lastByte: Kind<number> = (value, option) =>
  value === Number.POSITIVE_INFINITY ? value : offset(value, option)

const encoding: Kind<BufferEncoding> = (value, option) => {
  if (typeof value === 'string' && Buffer.isEncoding(value)) return value
  throw optionError(option, `${option} must be an encoding that Buffer knows, for example 'utf8'.`)
}

/** https://nodejs.org/api/fs.html#file-system-flags, without those that only read. */
const WRITING = ['w', 'wx', 'w+', 'wx+', 'a', 'ax', 'a+', 'ax+', 'as', 'as+', 'r+', 'rs+'] as const

/** Options of `file.createReadStream()`. */
export const checkReadStream = optionsOf('createReadStream', {
  start: offset,
  end: lastByte,
  encoding,
  highWaterMark: offset,
  signal: abortSignal,
})

/** Options of `file.createWriteStream()`. */
export const checkWriteStream = optionsOf('createWriteStream', {
  flags: oneOf(...WRITING),
  start: offset,
  encoding,
  highWaterMark: offset,
  signal: abortSignal,
})

/** Options of `file.blob()`. */
export const checkBlob = optionsOf('blob', { type: text })

const READING = ['r', 'rs'] as const

const flagsText = oneOf(...READING, ...WRITING)

/** The flags of `file.open()`; the system checks a number. */
export const checkFlags: Kind<string | number> = (value, option) =>
  typeof value === 'number' ? offset(value, option) : flagsText(value, option)

const SYNC = constants.O_SYNC ?? 0
const NO_FOLLOW = constants.O_NOFOLLOW ?? 0

/** The flags as a number, with O_NOFOLLOW: who can write where the file is must not choose which file is opened. */
export function withoutFollowing(flags: string | number): number {
  if (typeof flags === 'number') return flags | NO_FOLLOW
  const update = flags.includes('+')
  let bits = NO_FOLLOW | (flags.includes('x') ? constants.O_EXCL : 0) | (flags.includes('s') ? SYNC : 0)
  if (update) bits |= constants.O_RDWR
  else if (!flags.startsWith('r')) bits |= constants.O_WRONLY
  if (flags.startsWith('w')) bits |= constants.O_CREAT | constants.O_TRUNC
  if (flags.startsWith('a')) bits |= constants.O_CREAT | constants.O_APPEND
  return bits
}

/** Whether a handle that was opened with these flags can write. */
export function canWrite(flags: string | number): boolean {
  if (typeof flags === 'number') return (flags & (constants.O_WRONLY | constants.O_RDWR)) !== 0
  return !READING.some((reading) => reading === flags)
}
