// Limits progress reports. Guarantee: at most ten calls a second, and a last call with the final number.

import type { Progress } from '../types.ts'

/** Ten calls a second look smooth; every chunk would be 10,000 a second at the speed of loopback. */
const PROGRESS_EVERY_MS = 100

export interface ProgressReport {
  at(bytes: number): void
  /** The last call, unless this number was reported already. */
  end(bytes: number): void
}

/** Reports to `callback`, whose own error is its caller's; undefined where there is none. */
export function progressOf(
  callback: ((progress: Progress) => void) | undefined,
  total: number | undefined,
): ProgressReport | undefined {
  if (callback === undefined) return undefined
  let nextCall = 0
  let lastReported = -1
  const report = (bytes: number): void => {
    lastReported = bytes
    callback(total === undefined ? { bytes } : { bytes, total })
  }
  return {
    at(bytes) {
      const now = performance.now()
      if (now < nextCall) return
      nextCall = now + PROGRESS_EVERY_MS
      report(bytes)
    },
    end(bytes) {
      if (lastReported !== bytes) report(bytes)
    },
  }
}
