// Which failures of an upload are worth another try, and how long to wait. Promise: the wait ends with its
// signal, and its timer keeps no process alive.

import { isTempFileError } from '../../errors.ts'

const LONGEST_WAIT_MS = 30_000

/** Whether an error may pass: a broken connection, silence, 408, 429, 5xx, or a 308 that stored nothing. */
export function isPassing(error: unknown): boolean {
  if (!isTempFileError(error)) return false
  if (error.code === 'ERR_TEMP_TIMEOUT') return true
  if (error.code !== 'ERR_TEMP_UPLOAD_FAILED') return false
  const status = error.details?.['status']
  if (typeof status !== 'number') return true
  return status === 308 || status === 408 || status === 429 || status >= 500
}

/** Milliseconds that the server asked for with Retry-After; 0 if it did not. */
export function waitAsked(error: unknown): number {
  const seconds = isTempFileError(error) ? error.details?.['retryAfter'] : undefined
  return typeof seconds === 'number' ? seconds * 1000 : 0
}

/** Waits so many milliseconds, 30,000 at most. @throws the signal's reason */
export function backOff(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal.aborted) return reject(signal.reason)
    const onAbort = (): void => {
      clearTimeout(timer)
      reject(signal.reason)
    }
    const timer = setTimeout(
      () => {
        signal.removeEventListener('abort', onAbort)
        resolve()
      },
      Math.min(ms, LONGEST_WAIT_MS),
    ).unref()
    signal.addEventListener('abort', onAbort, { once: true })
  })
}
