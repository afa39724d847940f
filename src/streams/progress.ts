// Limits progress reports. Guarantee: at most ten calls a second, and a last call with the final number; a promise that
// the callback returns and that rejects counts as an error that it throws.

import type { Progress } from '../types.ts'
import { FirstFailure } from './first-failure.ts'

/** Ten calls a second look smooth; every chunk would be 10,000 a second at the speed of loopback. */
const PROGRESS_EVERY_MS = 100

export interface ProgressReport {
  /** @throws the error of this call, or of an earlier one's promise */
  at(bytes: number): void
  /** The last call, unless this number was reported already. Waits for the promises of all calls. @throws their error */
  end(bytes: number): Promise<void>
}

/** Reports to `callback`; undefined where there is none. */
export function progressOf(
  callback: ((progress: Progress) => void) | undefined,
  total: number | undefined,
): ProgressReport | undefined {
  if (callback === undefined) return undefined
  let nextCall = 0
  let lastReported = -1
  let calls = Promise.resolve()
  const failure = new FirstFailure()
  const report = (bytes: number): void => {
    lastReported = bytes
    const call = Promise.resolve(callback(total === undefined ? { bytes } : { bytes, total }))
    const ended = call.catch((error: unknown) => failure.fail(error))
    calls = calls.then(() => ended) // Promise.all would keep the results of all calls
  }
  return {
    at(bytes) {
      failure.check()
      const now = performance.now()
      if (now < nextCall) return
      nextCall = now + PROGRESS_EVERY_MS
      report(bytes)
    },
    async end(bytes) {
      failure.check()
      if (lastReported !== bytes) report(bytes)
      await failure.race(() => calls)
    },
  }
}
