// Reads records and changes them by compare-and-swap. Guarantee: a swap reports 'won' exactly when its own version was
// stored, also when the answer was lost, the request was repeated, or both: the nonce of the version shows it.

import { TempFileError } from '../errors.ts'
import type { Bucket, Condition } from './bucket.ts'
import type { Keys } from './keys.ts'
import { type Budget, pauseFor, repeat } from './retry.ts'
import type { Moment } from './server-time.ts'
import { failureOf } from './store-failure.ts'
import { decodeRecord, encodeRecord, MAX_RECORD_BYTES, type TicketRecord } from './ticket-record.ts'

/** A record, the ETag that identifies this version of it, and when it was seen. */
export interface Seen {
  readonly record: TicketRecord
  readonly etag: string
  readonly moment: Moment
}

export type Swap =
  | { readonly won: true; readonly seen: Seen }
  /** `seen`: what the record is instead; undefined when there is none. */
  | { readonly won: false; readonly seen: Seen | undefined }

/** A pause before a conditional write that met another one at the same moment is repeated. */
const CONFLICT_PAUSE_MS = 50

export class Records {
  readonly #bucket: Pick<Bucket, 'get' | 'put'>
  readonly #keys: Keys
  readonly #timeoutMs: number

  constructor(bucket: Pick<Bucket, 'get' | 'put'>, keys: Keys, timeoutMs: number) {
    this.#bucket = bucket
    this.#keys = keys
    this.#timeoutMs = timeoutMs
  }

  /** Undefined when there is none. @throws ERR_TEMP_HANDOFF_CORRUPT */
  async read(ticket: string, budget: Budget): Promise<Seen | undefined> {
    const key = this.#keys.record(ticket)
    try {
      const { value, moment } = await repeat(budget, (leftMs) =>
        this.#bucket.get(key, MAX_RECORD_BYTES, this.#limits(leftMs, budget)),
      )
      const decoded =
        value.bytes === undefined ? { problem: 'it is too large' } : decodeRecord(value.bytes, ticket)
      if ('problem' in decoded) throw corrupt(decoded.problem)
      return { record: decoded.record, etag: value.etag, moment }
    } catch (error) {
      if (failureOf(error) === 'missing') return undefined
      throw error
    }
  }

  /** Stores `to` in the place of `from`; `from` undefined: only if there is no record yet. */
  async swap(from: Seen | undefined, to: TicketRecord, budget: Budget): Promise<Swap> {
    const { ticket } = to
    const body = encodeRecord(to)
    const condition: Condition = from === undefined ? { absent: true } : { etag: from.etag }
    for (;;) {
      try {
        const { value, moment } = await repeat(budget, (leftMs) =>
          this.#bucket.put(this.#keys.record(ticket), body, this.#limits(leftMs, budget), condition),
        )
        return { won: true, seen: { record: to, etag: value, moment } }
      } catch (error) {
        const swap = await this.#refused(error, from, to, budget)
        if (swap !== undefined) return swap
        await pauseFor(CONFLICT_PAUSE_MS, budget.signal)
      }
    }
  }

  /** The meaning of a refused write; undefined: repeat it. Rejects with `error` when the write was not refused. */
  async #refused(
    error: unknown,
    from: Seen | undefined,
    to: TicketRecord,
    budget: Budget,
  ): Promise<Swap | undefined> {
    const kind = failureOf(error)
    if (kind !== 'precondition' && kind !== 'conflict' && kind !== 'missing') throw error
    const seen = await this.read(to.ticket, budget)
    // An earlier try of this very write may be what changed the record.
    if (seen?.record.nonce === to.nonce) return { won: true, seen }
    if (kind !== 'conflict' || seen?.etag !== from?.etag) return { won: false, seen }
    if (performance.now() >= budget.deadline) throw error
    return undefined
  }

  #limits(leftMs: number, { signal }: Budget): { timeoutMs: number; signal: AbortSignal | undefined } {
    return { timeoutMs: Math.min(leftMs, this.#timeoutMs), signal }
  }
}

function corrupt(problem: string): TempFileError {
  return new TempFileError(
    'ERR_TEMP_HANDOFF_CORRUPT',
    `The record of this ticket cannot be used: ${problem}. It is kept; delete its objects by hand if nobody needs it.`,
  )
}
