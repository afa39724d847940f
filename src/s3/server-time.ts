// The store's clock, read from the Date of its answers. Guarantee: no host's clock takes part. A host only measures how
// much time has passed (monotonic), so a wrong or stepped clock changes nothing.
//
// Date has whole seconds and is rounded down: at the moment of an answer the store's time is in [Date, Date + 1 s).

/** One answer of the store: its Date, and when on the monotonic clock the request was sent and the answer came. */
export interface Moment {
  readonly dateMs: number
  readonly sentAt: number
  readonly receivedAt: number
}

const RESOLUTION_MS = 1000

/** The store's time at `at`, never later than the truth. */
export function storeTime(moment: Moment, at: number = performance.now()): number {
  return Math.floor(moment.dateMs + Math.max(0, at - moment.receivedAt))
}

/** The monotonic time at which the store's clock cannot yet have passed `untilMs`: a holder stops before it. */
export function safeUntil(moment: Moment, untilMs: number): number {
  return moment.sentAt + (untilMs - moment.dateMs - RESOLUTION_MS)
}
