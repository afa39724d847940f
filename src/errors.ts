// The one error class, its codes and their HTTP statuses. Guarantee: every failure that a caller can meet is a
// TempFileError whose message holds advice and no path, and any copy of the package recognises it.

/** HTTP status of every code; frameworks read it from `status` or `statusCode`. */
const STATUS = {
  ERR_TEMP_NAME_INVALID: 400,
  ERR_TEMP_OPTION_INVALID: 500,
  ERR_TEMP_TOO_LARGE: 413,
  ERR_TEMP_TOO_SMALL: 422,
  ERR_TEMP_TYPE_REJECTED: 415,
  ERR_TEMP_TRUNCATED: 400,
  ERR_TEMP_FORM_INVALID: 400,
  ERR_TEMP_ABORTED: 499,
  ERR_TEMP_TIMEOUT: 504,
  ERR_TEMP_NO_SPACE: 507,
  ERR_TEMP_QUOTA: 507,
  ERR_TEMP_IO: 500,
  ERR_TEMP_EXISTS: 409,
  ERR_TEMP_CLOSED: 503,
  ERR_TEMP_REMOVED: 410,
  ERR_TEMP_UNSAFE_ROOT: 500,
  ERR_TEMP_CLEANUP: 500,
  ERR_TEMP_TICKET_INVALID: 400,
  ERR_TEMP_HANDOFF_GONE: 410,
  ERR_TEMP_HANDOFF_CLAIMED: 409,
  ERR_TEMP_HANDOFF_DEAD: 409,
  ERR_TEMP_HANDOFF_CORRUPT: 500,
  ERR_TEMP_SESSION_LOST: 500,
  ERR_TEMP_UPLOAD_FAILED: 502,
  ERR_TEMP_DOWNLOAD_FAILED: 502,
} as const

/**
 * Every code a {@link TempFileError} can carry.
 * @category Errors
 */
export type TempFileErrorCode = keyof typeof STATUS

/**
 * Plain facts about a failure, for programs and for a client's error text; never a path.
 * @category Errors
 */
export interface ErrorDetails {
  /** The option that was refused, or whose limit was reached: `'limits.fileBytes'`. */
  readonly option?: string | undefined
  /** The limit that was reached, in the unit of its option. */
  readonly limit?: number | undefined
  /** The form field concerned. */
  readonly field?: string | undefined
  /** The type that was found, and the ones that are accepted. */
  readonly detected?: string | undefined
  readonly accepted?: readonly string[] | undefined
  /** The process that holds a claim, since when (milliseconds since 1970), and what is known about it. */
  readonly pid?: number | undefined
  readonly claimedAtMs?: number | undefined
  readonly verdict?: string | undefined
  readonly [fact: string]: string | number | boolean | readonly string[] | undefined
}

/**
 * The members that a {@link TempFileError} can have besides its message.
 * @category Errors
 */
export interface TempFileErrorOptions {
  /** The underlying error, for example the system's own with its `errno`. */
  readonly cause?: unknown
  /** The path concerned; kept non-enumerable, so that it is not serialised to clients. */
  readonly path?: string | undefined
  /** Plain facts for programs; never a path. */
  readonly details?: ErrorDetails | undefined
}

const BRAND = Symbol.for('temp-file-manager.error.v1')

/**
 * The error of this package. `code` distinguishes its kinds; `status` (and `statusCode`, the same) is the HTTP
 * status that web frameworks answer with.
 *
 * @example
 * ```ts
 * import { getTempManager, isTempFileError } from 'temp-file-manager'
 *
 * try {
 *   await getTempManager().receive('too long', { maxBytes: 3 })
 * } catch (error) {
 *   if (isTempFileError(error) && error.code === 'ERR_TEMP_TOO_LARGE') console.log(error.status) // 413
 * }
 * ```
 * @category Errors
 */
export class TempFileError extends Error {
  readonly code: TempFileErrorCode
  readonly status: number
  readonly statusCode: number
  /** Whether `message` may be shown to a client (a status below 500): Koa and http-errors look for it. */
  readonly expose: boolean
  /** Plain facts about the failure, such as `limit` or `pid`; empty when there are none, never a path. */
  readonly details: ErrorDetails
  /** The path concerned. Not enumerable: it must not reach a client by accident. */
  declare readonly path?: string

  constructor(code: TempFileErrorCode, message: string, options?: TempFileErrorOptions) {
    const { cause, details, path } = options ?? {}
    super(message, cause === undefined ? undefined : { cause })
    this.code = code
    this.status = Object.hasOwn(STATUS, code) ? STATUS[code] : 500 // from JavaScript any code
    this.statusCode = this.status
    this.expose = this.status < 500
    this.details = details ?? {}
    if (path !== undefined) Object.defineProperty(this, 'path', { value: path })
  }

  static {
    // A bundler may rename the class (`_TempFileError`); util.inspect also shows the constructor's name.
    Object.defineProperty(TempFileError, 'name', { value: 'TempFileError', configurable: true })
    Object.defineProperty(TempFileError.prototype, BRAND, { value: true })
    Object.defineProperty(TempFileError.prototype, 'name', { value: 'TempFileError', configurable: true })
  }

  /** True for errors of every copy of the package, so `instanceof` works across copies. */
  static override [Symbol.hasInstance](value: unknown): boolean {
    // biome-ignore lint/complexity/noThisInStatic: a subclass asks the ordinary question about itself
    if (this !== TempFileError) return Function.prototype[Symbol.hasInstance].call(this, value)
    return isTempFileError(value)
  }
}

/**
 * Whether a thrown value is a {@link TempFileError} of this or of any other copy of the package (a second
 * version in node_modules, one in a bundle).
 *
 * @example
 * ```ts
 * import { isTempFileError } from 'temp-file-manager'
 *
 * console.log(isTempFileError(new Error('other'))) // false
 * ```
 * @category Errors
 */
export function isTempFileError(value: unknown): value is TempFileError {
  return typeof value === 'object' && value !== null && (value as { [BRAND]?: unknown })[BRAND] === true
}

/** The error of a refused option; `meant` is the option that was probably intended. */
export function optionError(option: string, message: string, meant?: string): TempFileError {
  return new TempFileError('ERR_TEMP_OPTION_INVALID', message, {
    details: meant === undefined ? { option } : { option, meant },
  })
}

/** The system's error code (`ENOENT`, `ENOSPC`, ...) of a thrown value, if it has one. */
export function errnoOf(error: unknown): string | undefined {
  if (typeof error !== 'object' || error === null) return undefined
  const { code } = error as { code?: unknown }
  return typeof code === 'string' ? code : undefined
}

/** Whether the disk, or the user's quota, is used up. */
export function isDiskFull(error: unknown): boolean {
  const errno = errnoOf(error)
  return errno === 'ENOSPC' || errno === 'EDQUOT'
}

/** The text of any thrown value. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}

/** An error's name, in any realm: a test runner's sandbox has an `Error` of its own. */
export function nameOf(error: unknown): string | undefined {
  if (typeof error !== 'object' || error === null) return undefined
  const { name } = error as { name?: unknown }
  return typeof name === 'string' ? name : undefined
}

/**
 * Gives a failed system call its typed error: ENOSPC and EDQUOT become ERR_TEMP_NO_SPACE, every other errno
 * ERR_TEMP_IO with the original as `cause`; a TempFileError passes through unchanged.
 * `doing` completes the sentence 'Could not ...'.
 */
export function ioError(error: unknown, doing: string, path?: string): TempFileError {
  if (isTempFileError(error)) return error
  const errno = errnoOf(error)
  if (isDiskFull(error)) {
    const what = errno === 'ENOSPC' ? 'the disk is full' : "the user's disk quota is used up"
    return new TempFileError(
      'ERR_TEMP_NO_SPACE',
      `Could not ${doing}: ${what}. Free some space, or point baseDir (or TEMP_FILE_MANAGER_DIR) at a larger disk.`,
      { cause: error, path },
    )
  }
  if (errno === 'ERR_ACCESS_DENIED') {
    return new TempFileError(
      'ERR_TEMP_IO',
      `Could not ${doing}: Node's permission model denied it. Pass --allow-fs-read=* and --allow-fs-write for each directory that is written.`,
      { cause: error, path },
    )
  }
  return new TempFileError(
    'ERR_TEMP_IO',
    `Could not ${doing}${errno === undefined ? '' : `: the system reported ${errno}`}. See this error's cause.`,
    { cause: error, path },
  )
}
