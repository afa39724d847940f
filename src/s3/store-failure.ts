// Classifies a failed request. Guarantee: each failure of the SDK, the network or the store is in exactly one class, and
// what reaches the user is a TempFileError without a key, a bucket or an address in its message.

import { errnoOf, isTempFileError, nameOf, TempFileError } from '../errors.ts'

export type FailureKind =
  /** 412: the condition does not hold. */
  | 'precondition'
  /** 409: two conditional writes at the same moment; AWS asks to repeat. */
  | 'conflict'
  /** 404: no such object or upload. */
  | 'missing'
  /** The network, a timeout, 408, 429, 5xx: the request may have taken effect, and can be repeated. */
  | 'passing'
  /** Anything else, such as missing permissions: repeating it does not help. */
  | 'final'

/** A request that got no answer in time. */
export class NoAnswer extends Error {
  override readonly name = 'TimeoutError'

  constructor(timeoutMs: number) {
    super(`No answer from the store within ${Math.round(timeoutMs)} ms.`)
  }
}

const BY_STATUS: Readonly<Record<number, FailureKind>> = {
  404: 'missing',
  408: 'passing',
  409: 'conflict',
  412: 'precondition',
  429: 'passing',
}

/** The network's own codes; a wrong option of a client (ERR_INVALID_ARG_TYPE) is none. */
const NETWORK = /^E[A-Z_]+$/
const PASSING_NAMES = new Set([
  'TimeoutError',
  'RequestTimeout',
  'RequestTimeoutException',
  'SlowDown',
  'NetworkingError',
])

export function failureOf(error: unknown): FailureKind {
  const name = nameOf(error) ?? ''
  const status = statusOf(error)
  if (name === 'NoSuchBucket') return 'final'
  if (PASSING_NAMES.has(name)) return 'passing'
  if (status !== undefined && status !== 200)
    return BY_STATUS[status] ?? (status >= 500 ? 'passing' : 'final')
  // An answer that broke off in its middle is a parse error with status 200, or a closed socket.
  if (status === 200) return 'passing'
  const errno = errnoOf(error)
  return errno !== undefined && NETWORK.test(errno) && !errno.startsWith('ERR_') ? 'passing' : 'final'
}

/** The HTTP status of the store's answer, if there was one. */
export function statusOf(error: unknown): number | undefined {
  if (typeof error !== 'object' || error === null) return undefined
  const { $metadata } = error as { $metadata?: { httpStatusCode?: unknown } } // as the SDK's errors have it
  return typeof $metadata?.httpStatusCode === 'number' ? $metadata.httpStatusCode : undefined
}

/** Reads fail with ERR_TEMP_DOWNLOAD_FAILED, writes with ERR_TEMP_UPLOAD_FAILED. */
export type Direction = 'read' | 'write'

/** The typed error of a failed request; `doing` completes 'Could not ...'. */
export function storeError(error: unknown, doing: string, direction: Direction): TempFileError {
  if (isTempFileError(error)) return error
  const status = statusOf(error)
  const details = status === undefined ? {} : { details: { status } }
  if (error instanceof NoAnswer)
    return new TempFileError(
      'ERR_TEMP_TIMEOUT',
      `Could not ${doing}: the store did not answer in time. Try again later; see the option timeout.`,
      { cause: error },
    )
  return new TempFileError(
    direction === 'read' ? 'ERR_TEMP_DOWNLOAD_FAILED' : 'ERR_TEMP_UPLOAD_FAILED',
    `Could not ${doing}: ${reasonOf(error, status)} See this error's cause.`,
    { cause: error, ...details },
  )
}

function reasonOf(error: unknown, status: number | undefined): string {
  if (nameOf(error) === 'NoSuchBucket')
    return 'there is no such bucket. Create it, or correct the option bucket.'
  if (status === 401 || status === 403)
    return `the store refused the request with status ${status}. Compare the permissions with docs/scaling.md.`
  if (failureOf(error) === 'passing')
    return status === undefined
      ? 'the store could not be reached. Try again later.'
      : `the store answered with status ${status}. Try again later.`
  return status === undefined ? 'the request failed.' : `the store answered with status ${status}.`
}
