// A range of an object, read to its end. Guarantee: a connection that breaks or falls silent is resumed where it broke
// off, for a minute without one more byte; no timer, listener or connection outlives the read.

import type { Readable } from 'node:stream'
import { TempFileError } from '../errors.ts'
import { onAbort } from '../runtime/abort.ts'
import type { ByteRange } from '../types.ts'
import type { Bucket } from './bucket.ts'
import { type Budget, budgetOf, repeat } from './retry.ts'
import { failureOf, NoAnswer, statusOf, storeError } from './store-failure.ts'
import type { Published } from './ticket-record.ts'

/** Longer than a store's restart takes. */
const PATIENCE_MS = 60_000

export interface DownloadLimits {
  /** Longest silence. */
  readonly timeoutMs: number
  readonly signal: AbortSignal
}

/** The data of a ticket, and what its publisher wrote about it. */
export interface TicketData {
  readonly bucket: Pick<Bucket, 'read'>
  readonly key: string
  readonly record: Pick<Published, 'bytes' | 'partBytes' | 'digest'>
}

export class RangeDownload {
  readonly #data: Pick<TicketData, 'bucket' | 'key'>
  readonly #limits: DownloadLimits
  readonly #end: number
  readonly #take: (chunk: Buffer) => boolean
  #position: number
  #budget: Budget
  /** The answer that is being read. */
  #body: Readable | undefined

  /** `take` gets each chunk; false: no more until resume(). */
  constructor(
    data: Pick<TicketData, 'bucket' | 'key'>,
    { start, end }: ByteRange,
    limits: DownloadLimits,
    take: (chunk: Buffer) => boolean,
  ) {
    this.#data = data
    this.#limits = limits
    this.#position = start
    this.#end = end
    this.#take = take
    this.#budget = budgetOf(PATIENCE_MS, limits.signal)
  }

  /**
   * Rejects with ERR_TEMP_HANDOFF_CORRUPT (the data is missing or too short), ERR_TEMP_DOWNLOAD_FAILED, ERR_TEMP_TIMEOUT, or
   * the reason of the signal.
   */
  async run(): Promise<void> {
    const { signal } = this.#limits
    while (this.#position < this.#end) {
      try {
        await this.#readAnswer()
      } catch (error) {
        signal.throwIfAborted()
        if (!isBreak(error) || performance.now() >= this.#budget.deadline)
          throw storeError(error, 'download the claimed file', 'read')
      }
    }
  }

  resume(): void {
    this.#body?.resume()
  }

  /** Reads one answer to its end or its break. */
  async #readAnswer(): Promise<void> {
    const { bucket, key } = this.#data
    const range = { start: this.#position, end: this.#end }
    const body = await repeat(this.#budget, () => bucket.read(key, range, this.#limits)).catch(missingData)
    this.#body = body
    const detach = onAbort([this.#limits.signal], () => body.destroy())
    const timer = this.#watchSilence(body)
    try {
      await new Promise<void>((resolve, reject) => {
        body.on('error', reject).on('end', resolve)
        body.on('close', () => reject(new Broken()))
        body.on('resume', () => timer.refresh())
        body.on('data', (chunk: Buffer) => {
          timer.refresh()
          this.#position += chunk.length
          this.#budget = budgetOf(PATIENCE_MS, this.#limits.signal)
          if (!this.#take(chunk)) body.pause()
        })
      })
    } finally {
      clearTimeout(timer)
      detach()
      this.#body = undefined
      body.destroy()
    }
  }

  /** Silence counts only while the reader wants more: a slow disk is not a silent store. */
  #watchSilence(body: Readable): NodeJS.Timeout {
    const { timeoutMs } = this.#limits
    const timer = setTimeout(() => {
      if (body.isPaused()) timer.refresh()
      else body.destroy(new NoAnswer(timeoutMs))
    }, timeoutMs)
    return timer
  }
}

/** The connection was closed before the end of an answer. */
class Broken extends Error {}

function isBreak(error: unknown): boolean {
  return error instanceof Broken || failureOf(error) === 'passing'
}

function missingData(error: unknown): never {
  if (failureOf(error) === 'missing') throw corruptData('its data is not in the bucket', error)
  if (statusOf(error) === 416) throw corruptData('it has fewer bytes than were published', error)
  throw error
}

export function corruptData(problem: string, cause?: unknown): TempFileError {
  return new TempFileError(
    'ERR_TEMP_HANDOFF_CORRUPT',
    `The file of this ticket cannot be used: ${problem}. The ticket was given back; discard() removes it.`,
    { cause },
  )
}
