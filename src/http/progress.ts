// How often progress is told. Promise: at most ten times a second, and always once at the end.

import type { BodyProgress } from './form-rules.ts'

const INTERVAL_MS = 100

export interface ProgressReport {
  at(bytes: number): void
  end(bytes: number): void
}

/** Reports to `callback`, if there is one. */
export function progressOf(
  callback: ((progress: BodyProgress) => void) | undefined,
  total: number | undefined,
): ProgressReport {
  if (callback === undefined) return { at() {}, end() {} }
  let last = 0
  const tell = (bytes: number): void => callback(total === undefined ? { bytes } : { bytes, total })
  return {
    at(bytes) {
      const now = Date.now()
      if (now - last < INTERVAL_MS) return
      last = now
      tell(bytes)
    },
    end: tell,
  }
}
