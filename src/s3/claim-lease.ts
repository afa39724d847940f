// A claim that this process holds: renewed by itself, ended exactly once. Guarantee: `signal` is aborted before the lease
// can end by the store's clock; and complete() resolves only when the tombstone is stored, after which the ticket never
// comes back.
//
//   renewed     at a third of the lease, repeated until it succeeds; no more once its holder has given it back
//   aborted     a sixth of the lease before its end, if no renewal has succeeded until then; when its manager closes
//   one write   at a time: a renewal that is under way is waited for before the claim is ended

import { reasonText } from '../claimable/last-error.ts'
import { isTempFileError, TempFileError } from '../errors.ts'
import { onAbort } from '../runtime/abort.ts'
import { log } from '../runtime/observe.ts'
import type { Records, Seen, Swap } from './records.ts'
import { type Budget, budgetOf } from './retry.ts'
import { safeUntil, storeTime } from './server-time.ts'
import { storeError } from './store-failure.ts'
import type { LiveRecord } from './ticket-record.ts'
import { completeNext, isHeldBy, type Next, releaseNext, renewNext } from './transitions.ts'

export interface LeaseOptions {
  /** The claim as it was stored, with the moment that its end was computed from. */
  readonly seen: Seen
  readonly record: LiveRecord
  readonly leaseMs: number
  readonly timeoutMs: number
  /** Its abort means that the claim's file is removed: the claim is given back then. */
  readonly closing: AbortSignal | undefined
  /** Called once, when it is completed or released. */
  readonly onEnd: () => void
  /** Deletes the data of a completed ticket. */
  readonly deleteData: () => Promise<void>
}

export class ClaimLease {
  readonly record: LiveRecord
  readonly #records: Pick<Records, 'swap'>
  readonly #options: LeaseOptions
  readonly #lost = new AbortController()
  #seen: Seen
  #way: 'completed' | 'released' | undefined
  /** complete() or release() has been called: no renewal starts any more. */
  #ending = false
  /** The reason of the close() or removeAll() that gave it back. */
  #abandoned: unknown
  /** Writes of this claim, one after the other. */
  #queue: Promise<unknown> = Promise.resolve()
  #renewal: NodeJS.Timeout | undefined
  #alarm: NodeJS.Timeout | undefined
  readonly #unwatch: () => void

  constructor(records: Pick<Records, 'swap'>, options: LeaseOptions) {
    this.#records = records
    this.#seen = options.seen
    this.record = options.record
    this.#options = options
    this.#schedule()
    this.#unwatch = onAbort([options.closing], ({ reason }) => {
      this.abandon(reason).catch((error: unknown) =>
        log.handoff('not given back, its lease will end: %O', error),
      )
    })
  }

  get signal(): AbortSignal {
    return this.#lost.signal
  }

  get attempt(): number {
    return this.record.attempt
  }

  /** How it has ended; undefined while it is held or lost. */
  get way(): 'completed' | 'released' | undefined {
    return this.#way
  }

  /** Its manager or its store gave it back, not its holder: complete() rejects. */
  get abandoned(): boolean {
    return this.#abandoned !== undefined
  }

  /**
   * Stores the tombstone, then deletes the data. Repeats as long as the lease lasts; can be called again after a failure.
   * @throws ERR_TEMP_REMOVED (released before, or given back by its manager's removeAll()), ERR_TEMP_CLOSED (by its
   * close()), ERR_TEMP_HANDOFF_CLAIMED or ERR_TEMP_HANDOFF_GONE (the lease had ended, and another worker has claimed or
   * completed it), ERR_TEMP_UPLOAD_FAILED, ERR_TEMP_TIMEOUT
   */
  complete(): Promise<void> {
    return this.#end(async () => {
      if (this.#way === 'completed') return
      if (this.#way === 'released') throw this.returnedError()
      const last = await this.#swap((seen) => completeNext(seen.record, this.attempt, storeTime(seen.moment)))
      if (!last.won && !this.#wasCompleted(last)) throw takenOver(last.seen)
      this.#way = 'completed'
      await this.#options.deleteData()
    }, 'complete')
  }

  /**
   * Gives it back. A claim that was lost is not held any more: nothing to do.
   * @throws ERR_TEMP_REMOVED (completed before), ERR_TEMP_UPLOAD_FAILED, ERR_TEMP_TIMEOUT
   */
  async release(reason?: unknown): Promise<void> {
    await this.giveBack(reason)
    if (this.#way === 'completed')
      throw new TempFileError(
        'ERR_TEMP_REMOVED',
        'Cannot give the handoff back: this claim of it was completed before.',
      )
  }

  /** As {@link release}, for the end of a scope: does nothing after complete(). Repeats for `patienceMs`, or as long as the lease lasts. */
  giveBack(reason?: unknown, patienceMs?: number): Promise<void> {
    return this.#end(async () => {
      if (this.#way !== undefined) return
      const text = reasonText(reason)
      const last = await this.#swap(
        (seen) => releaseNext(seen.record, this.attempt, storeTime(seen.moment), text),
        patienceMs === undefined ? undefined : budgetOf(patienceMs),
      )
      this.#way = this.#wasCompleted(last) ? 'completed' : 'released'
    }, 'give back')
  }

  /** Whether a completion was stored whose answer was lost: only the holder of this attempt completes it. */
  #wasCompleted({ won, seen }: Swap): boolean {
    const record = seen?.record
    return !won && record?.state === 'done' && record.why === 'completed' && record.attempt === this.attempt
  }

  /** Runs the last write alone. One that failed leaves the claim held: renewed for a holder who wants to complete it. */
  async #end(last: () => Promise<void>, doing: 'complete' | 'give back'): Promise<void> {
    this.#ending = true
    clearTimeout(this.#renewal)
    const work = this.#queue.then(last)
    this.#queue = work.catch(() => {})
    try {
      await work
      clearTimeout(this.#alarm)
      this.#unwatch()
      this.#options.onEnd()
    } catch (error) {
      if (doing === 'complete') {
        this.#ending = false
        if (this.#way === undefined && !this.signal.aborted) this.#schedule()
      }
      throw storeError(error, `${doing} the handoff`, 'write')
    }
  }

  /** Compare-and-swap from the newest known version. A renewal whose answer was lost is taken up, and the swap is repeated. */
  async #swap(next: (seen: Seen) => Next, budget = this.#budget()): Promise<Swap> {
    for (;;) {
      const step = next(this.#seen)
      if ('refused' in step) return { won: false, seen: this.#seen }
      const swap = await this.#records.swap(this.#seen, step.to, budget)
      if (swap.won || swap.seen === undefined || !isHeldBy(swap.seen.record, this.attempt)) return swap
      this.#seen = swap.seen
    }
  }

  /** Until our lease ends; of a lease that has ended: for one time limit. */
  #budget(): Budget {
    const { deadline } = budgetOf(this.#options.timeoutMs)
    return { deadline: this.signal.aborted ? deadline : Math.max(deadline, this.#safeUntil()) }
  }

  #safeUntil(): number {
    const { record, moment } = this.#seen
    return safeUntil(moment, record.state === 'claimed' ? (record.untilMs ?? 0) : 0)
  }

  #schedule(): void {
    clearTimeout(this.#renewal)
    clearTimeout(this.#alarm)
    const { leaseMs } = this.#options
    const now = performance.now()
    const alarmAt = this.#safeUntil() - leaseMs / 6
    this.#alarm = setTimeout(
      () => this.#lose('its lease could not be renewed in time'),
      Math.max(0, alarmAt - now),
    )
    // Counted from the request that began the lease: a slow download does not postpone it.
    const renewAt = Math.min(this.#seen.moment.sentAt + leaseMs / 3, alarmAt)
    this.#renewIn(renewAt - now)
    this.#alarm.unref()
  }

  #renewIn(ms: number): void {
    this.#renewal = setTimeout(() => void this.#renew(), Math.max(0, ms)).unref()
  }

  async #renew(): Promise<void> {
    if (this.#ending) return
    const work = this.#queue.then(async () => {
      if (this.#ending) return
      const { leaseMs } = this.#options
      const budget = { deadline: this.#safeUntil() - leaseMs / 6, signal: this.signal } // close() does not wait for it
      const step = renewNext(this.#seen.record, this.attempt, storeTime(this.#seen.moment), leaseMs)
      if ('refused' in step) return
      const swap = await this.#records.swap(this.#seen, step.to, budget)
      if (swap.seen !== undefined && isHeldBy(swap.seen.record, this.attempt)) {
        this.#seen = swap.seen
        if (!this.#ending && !this.signal.aborted) this.#schedule()
      } else this.#lose('another worker has claimed it')
    })
    this.#queue = work.catch((error: unknown) => {
      log.handoff('a lease was not renewed: %O', error)
      // Also after a refusal: credentials that have expired are replaced. The alarm ends it.
      if (!this.#ending && !this.signal.aborted) this.#renewIn(this.#options.leaseMs / 12)
    })
    await this.#queue
  }

  #lose(why: string): void {
    this.#abort(
      new TempFileError(
        'ERR_TEMP_ABORTED',
        `This claim was lost: ${why}. Stop working on it; another worker may have it.`,
      ),
    )
  }

  /** Its manager or its store closes, or removes all: its holder's signal aborts, and another worker can claim at once. */
  abandon(reason: unknown): Promise<void> {
    this.#abandoned ??= reason
    this.#abort(reason)
    return this.giveBack()
  }

  #abort(reason: unknown): void {
    if (this.#way !== undefined || this.signal.aborted) return
    clearTimeout(this.#renewal)
    clearTimeout(this.#alarm)
    this.#lost.abort(reason)
  }

  /** The error for the completion of a claim that was given back. */
  returnedError(): TempFileError {
    const reason = this.#abandoned
    if (reason === undefined)
      return new TempFileError(
        'ERR_TEMP_REMOVED',
        'Cannot complete the handoff: this claim of it was released before. Claim it again.',
      )
    const closed = isTempFileError(reason) && reason.code === 'ERR_TEMP_CLOSED'
    return new TempFileError(
      closed ? 'ERR_TEMP_CLOSED' : 'ERR_TEMP_REMOVED',
      closed
        ? 'Cannot complete the handoff: its manager or its S3Handoffs was closed, which gave it back. Complete claims before close().'
        : 'Cannot complete the handoff: removeAll() of its manager gave it back. Complete claims before removeAll().',
    )
  }
}

function takenOver(seen: Seen | undefined): TempFileError {
  const held = seen !== undefined && seen.record.state !== 'done'
  return new TempFileError(
    held ? 'ERR_TEMP_HANDOFF_CLAIMED' : 'ERR_TEMP_HANDOFF_GONE',
    `Cannot complete the handoff: its lease had ended, and it was ${held ? 'claimed by another worker' : 'completed or removed'} since. Undo what this attempt did, or let its fencing number reject it.`,
  )
}
