// Asks a store whether it keeps what the protocol needs, once for each client and bucket. Guarantee: a store that ignores a
// condition is refused before the first ticket; the probe leaves no object.
//
//   1. of four simultaneous PUTs with If-None-Match: * one succeeds, the others are refused (412, or 409 on AWS)
//   2. one more is answered with exactly 412
//   3. PUT with If-Match: the current ETag succeeds, without quotes (Ceph, AWS) or else with quotes
//   4. the same ETag once more, now out of date, is answered with exactly 412
//   5. GET returns what 3 wrote, and every answer has a Date

import { isTempFileError, TempFileError } from '../errors.ts'
import { randomText } from '../layout.ts'
import type { Bucket, Condition } from './bucket.ts'
import { failureOf, NoAnswer, statusOf } from './store-failure.ts'
import { abortable, type RequestLimits } from './store-request.ts'

/** As many as real workers that meet at one ticket. */
const SIMULTANEOUS = 4

/** The result of a probe. */
export interface ProbeResult {
  /** Ceph compares If-Match without quotes, other stores with them. */
  readonly quoteEtags: boolean
}

/** Results by client and bucket: stores that differ in their prefix only are one store. */
const results = new WeakMap<object, Map<string, Promise<ProbeResult>>>()

/** As {@link probe}, once for each client and bucket. A store that could not be asked is asked again; `signal` ends the wait. */
export async function probeOnce(
  { client, name }: Pick<Bucket, 'client' | 'name'>,
  ask: () => Promise<ProbeResult>,
  signal: AbortSignal | undefined,
): Promise<ProbeResult> {
  const known = results.get(client) ?? new Map<string, Promise<ProbeResult>>()
  results.set(client, known)
  let asking = known.get(name)
  if (asking === undefined) {
    asking = ask()
    known.set(name, asking)
    asking.catch((error: unknown) => {
      if (!isTempFileError(error)) known.delete(name) // one that was refused stays refused
    })
  }
  return await abortable(asking, signal)
}

/** @throws ERR_TEMP_OPTION_INVALID for a store that ignores a condition; what a request itself rejects with */
export async function probe(bucket: Bucket, key: string, limits: RequestLimits): Promise<ProbeResult> {
  const prober = new Prober(bucket, key, limits)
  let answers = true
  try {
    await prober.create()
    await prober.replace()
    return { quoteEtags: bucket.quoteEtags }
  } catch (error) {
    answers = !(error instanceof NoAnswer)
    throw error
  } finally {
    // A silent store is not waited for twice: a sweep removes what stays of a probe.
    if (answers) await bucket.delete(key, limits).catch(() => {})
  }
}

class Prober {
  readonly #bucket: Bucket
  readonly #key: string
  readonly #limits: RequestLimits
  /** How the error names the store: as its first answer did. */
  #name = ''
  #etag = ''

  constructor(bucket: Bucket, key: string, limits: RequestLimits) {
    this.#bucket = bucket
    this.#key = key
    this.#limits = limits
  }

  /** Steps 1 and 2. */
  async create(): Promise<void> {
    const answers = await Promise.all(Array.from({ length: SIMULTANEOUS }, () => this.#put({ absent: true })))
    const stored = answers.filter((answer) => typeof answer === 'string')
    if (stored.length !== 1)
      this.#refuse(`it accepted ${stored.length} of ${SIMULTANEOUS} simultaneous PUTs with If-None-Match: *`)
    this.#etag = stored[0] ?? ''
    const again = await this.#put({ absent: true })
    if (again !== 412)
      this.#refuse(`it answered a second PUT with If-None-Match: * with ${shown(again)} instead of 412`)
  }

  /** Steps 3 to 5. */
  async replace(): Promise<void> {
    const body = randomText(16)
    let replaced = await this.#put({ etag: this.#etag }, body)
    if (typeof replaced !== 'string') {
      this.#bucket.quoteEtags = true
      replaced = await this.#put({ etag: this.#etag }, body)
    }
    if (typeof replaced !== 'string')
      this.#refuse(`it answered a PUT with If-Match and the current ETag with ${replaced}`)
    const stale = await this.#put({ etag: this.#etag })
    if (stale !== 412)
      this.#refuse(`it answered a PUT with If-Match and an old ETag with ${shown(stale)} instead of 412`)
    const { value } = await this.#bucket.get(this.#key, 1024, this.#limits)
    if (value.bytes?.toString() !== body) this.#refuse('a GET did not return what the last PUT had stored')
  }

  /** The ETag, or the status of the refusal. */
  async #put(condition: Condition, body = randomText(16)): Promise<string | number> {
    try {
      const { value, moment, server } = await this.#bucket.put(
        this.#key,
        Buffer.from(body),
        this.#limits,
        condition,
      )
      this.#name = server
      if (Number.isNaN(moment.dateMs)) this.#refuse('its answers have no Date')
      return value
    } catch (error) {
      const kind = failureOf(error)
      if (kind === 'precondition' || kind === 'conflict' || kind === 'missing') return statusOf(error) ?? 0
      if (statusOf(error) === 501) this.#refuse('it does not implement conditional writes (status 501)')
      throw error
    }
  }

  #refuse(what: string): never {
    throw new TempFileError(
      'ERR_TEMP_OPTION_INVALID',
      `The store ${this.#name} cannot be used for handoffs: ${what}. Claims on it would not be exclusive. ` +
        'docs/scaling.md lists stores that pass this probe.',
      { details: { option: 'client', store: this.#name } },
    )
  }
}

function shown(answer: string | number): string {
  return typeof answer === 'string' ? '200' : String(answer)
}
