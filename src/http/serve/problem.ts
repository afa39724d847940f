// Problem details of an error (RFC 9457). Guarantee: no path, no stack and no text of a server-side failure reaches the
// client; every thrown value gets an answer.

import { STATUS_CODES } from 'node:http'
import { isTempFileError } from '../../errors.ts'

/** The body of a problem response: media type application/problem+json. */
export interface Problem {
  readonly type: 'about:blank'
  /** The status in words. */
  readonly title: string
  readonly status: number
  /** The problem with this request; left out from 500 on. */
  readonly detail?: string
  /** A code such as ERR_TEMP_TOO_LARGE, for programs. */
  readonly code?: string
  /** The form field that was refused. */
  readonly field?: string
  /** The limit that was exceeded, and the option that sets it. */
  readonly limit?: number
  readonly option?: string
  /** The media type found in the bytes. */
  readonly detected?: string
  /** The media types or extensions that are accepted. */
  readonly accepted?: readonly string[]
}

/** A response that describes an error. */
export interface ProblemResponse {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  /** `String(body)` is its JSON. */
  readonly body: Problem
}

const CLIENT_DETAILS = ['field', 'limit', 'option', 'detected', 'accepted'] as const

/**
 * Turns any error into a response: RFC 9457 problem details, with the status of a {@link TempFileError} or that in `status`
 * or `statusCode` of another error (http-errors, Fastify), else 500. Another error's message is in it only where its
 * `expose` is true. From 500 on the answer holds no more than the status and a TempFileError's code.
 *
 * @example
 * ```ts
 * import { getTempManager } from 'temp-file-manager'
 * import { toProblem } from 'temp-file-manager/http'
 *
 * try {
 *   await getTempManager().receive('too long', { maxBytes: 3 })
 * } catch (error) {
 *   const { status, headers, body } = toProblem(error)
 *   const response = new Response(JSON.stringify(body), { status, headers })
 *   console.log(response.status, response.headers.get('content-type')) // 413 application/problem+json
 * }
 * ```
 */
export function toProblem(error: unknown): ProblemResponse {
  const status = statusOf(error)
  const details = isTempFileError(error) ? error.details : undefined
  const body: Problem = {
    type: 'about:blank',
    title: STATUS_CODES[status] ?? (status === 499 ? 'Client Closed Request' : 'Error'),
    status,
    ...(status < 500 && isExposed(error) ? { detail: error.message } : {}),
    ...(isTempFileError(error) ? { code: error.code } : {}),
    ...(status < 500 ? Object.fromEntries(clientDetails(details)) : {}),
  }
  Object.defineProperty(body, 'toString', { value: () => JSON.stringify(body) })
  return {
    status,
    headers: { 'content-type': 'application/problem+json', 'cache-control': 'no-store' },
    body,
  }
}

function clientDetails(details: object | undefined): [string, unknown][] {
  const known: readonly string[] = CLIENT_DETAILS
  return Object.entries(details ?? {}).filter(([name, value]) => known.includes(name) && value !== undefined)
}

/** A TempFileError, or an error that allows its message to be shown (http-errors: `expose`). */
function isExposed(error: unknown): error is Error {
  return isTempFileError(error) || (error instanceof Error && 'expose' in error && error.expose === true)
}

/** The first of `status` and `statusCode` that is one of an error, as the frameworks' own error handlers read it; else 500. */
function statusOf(error: unknown): number {
  if (typeof error !== 'object' || error === null) return 500
  const { status, statusCode } = error as { status?: unknown; statusCode?: unknown } // of an unknown object, checked below
  return [status, statusCode].find(isErrorStatus) ?? 500
}

function isErrorStatus(value: unknown): value is number {
  return typeof value === 'number' && Number.isInteger(value) && value >= 400 && value <= 599
}
