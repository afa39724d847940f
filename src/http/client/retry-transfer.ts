// Decides which failures of an upload are worth another attempt, and waits before it. Guarantee: the wait ends with its
// signal. It keeps the process alive, as the transfer does: a script that awaits one would otherwise end in the middle.

import type { IncomingHttpHeaders } from 'node:http'
import { isTempFileError } from '../../errors.ts'
import { onAbort } from '../../runtime/abort.ts'

const LONGEST_WAIT_MS = 30_000

/** Whether another attempt may succeed: after a broken connection, a timeout, 408, 429 or 5xx. */
export function isTransient(error: unknown): boolean {
  if (!isTempFileError(error)) return false
  if (error.code === 'ERR_TEMP_TIMEOUT') return true
  if (error.code !== 'ERR_TEMP_UPLOAD_FAILED') return false
  const status = error.details?.['status']
  if (typeof status !== 'number') return true
  return status === 408 || status === 429 || status >= 500
}

/** Seconds of a Retry-After, a number or a date (RFC 9110 section 10.2.3); undefined: none, or none to wait. */
export function secondsToWait(headers: IncomingHttpHeaders): number | undefined {
  const value = headers['retry-after']?.trim() ?? ''
  if (/^\d{1,9}$/.test(value)) return Number(value) || undefined
  const now = Date.parse(headers.date ?? '') || Date.now() // the server's clock, where it sends its time
  const seconds = Math.ceil((Date.parse(value) - now) / 1000)
  return seconds > 0 ? seconds : undefined
}

/** Milliseconds that the server asked for with Retry-After, else 0. */
export function requestedDelay(error: unknown): number {
  const seconds = isTempFileError(error) ? error.details?.['retryAfter'] : undefined
  return typeof seconds === 'number' ? seconds * 1000 : 0
}

/** Waits this many milliseconds, at most 30,000. @throws the signal's reason */
export function backOff(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    let unwatch = (): void => {}
    const timer = setTimeout(
      () => {
        unwatch()
        resolve()
      },
      Math.min(ms, LONGEST_WAIT_MS),
    )
    unwatch = onAbort([signal], ({ reason }) => {
      clearTimeout(timer)
      reject(reason)
    })
  })
}
