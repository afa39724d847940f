// Handoffs between hosts, on an S3 compatible store. Guarantee: of all workers on all hosts, at most one holds a
// claim with a given fencing number; a published ticket is lost only by complete(), discard() or its time to live; and
// after complete() it never comes back. The store must keep its conditional writes: it is probed first.

import { checkMeta, checkTicket, goneError } from '../claimable/handoff-record.ts'
import type { Json } from '../index.ts'
import { requireCallback } from '../input/options.ts'
import { isTicket } from '../layout.ts'
import { abortError, joinSignals } from '../runtime/abort.ts'
import { asyncDispose, disposing } from '../runtime/dispose.ts'
import { channels, log } from '../runtime/observe.ts'
import { type S3SweepReport, sweepBucket } from './bucket-sweep.ts'
import { type Change, changeTicket, takeTicket } from './change-ticket.ts'
import type { ClaimLease } from './claim-lease.ts'
import type { S3HandoffInfo } from './handoff-info.ts'
import { type ProbeResult, probe, probeOnce } from './probe.ts'
import { type PublishableFile, publishTicket, requireFile } from './publish-ticket.ts'
import { receiveData, streamData } from './receive-data.ts'
import { fileClaim, type S3Claim, type S3StreamClaim, streamClaim } from './s3-claim.ts'
import {
  checkClaim,
  checkHandOff,
  checkList,
  type S3ClaimOptions,
  type S3HandOffOptions,
  type S3HandoffsOptions,
  type S3ListOptions,
  type S3SweepOptions,
  storeSettings,
  sweepSettings,
} from './s3-options.ts'
import { closedError, closingOf, Store } from './store.ts'
import { type Direction, storeError } from './store-failure.ts'
import { listInfos, readInfo } from './tickets.ts'
import { discardNext, retryNext } from './transitions.ts'

/**
 * Publishes files to workers on any host, and claims them there: the API of {@link TempFileManager} with a bucket in the
 * place of the local root. The program brings its own `S3Client`.
 *
 * The first operation probes the store; one that ignores conditional writes is refused by name. `probe()` does it at once.
 *
 * @example
 * ```ts no-run
 * import { S3Client } from '@aws-sdk/client-s3'
 * import { getTempManager } from 'temp-file-manager'
 * import { S3Handoffs } from 'temp-file-manager/s3'
 *
 * await using store = new S3Handoffs({ client: new S3Client({}), bucket: 'my-handoffs' })
 * await store.probe()
 * const ticket = await store.handOff(await getTempManager().receive('frames'), { ttl: '1h', meta: { kind: 'clip' } })
 *
 * // On another host, with the same bucket:
 * await store.withClaim(ticket, (claim) => console.log(claim.path, claim.meta, claim.attempt))
 * ```
 */
export class S3Handoffs implements AsyncDisposable {
  readonly #store: Store
  #wasProbed = false
  readonly #closing = new AbortController()
  /** Claims on their way: close() waits until each has been given back. */
  readonly #taking = new Set<Promise<ClaimLease>>()

  /** @throws ERR_TEMP_OPTION_INVALID */
  constructor(options: S3HandoffsOptions) {
    this.#store = new Store(storeSettings(options))
  }

  /**
   * Checks that the store keeps its conditional writes: about ten requests, once for each client and bucket. Every other
   * operation does it first.
   * @throws ERR_TEMP_OPTION_INVALID (the store cannot be used; the message names it and the reason), ERR_TEMP_UPLOAD_FAILED,
   * ERR_TEMP_TIMEOUT, ERR_TEMP_CLOSED
   */
  async probe(): Promise<void> {
    await this.#run('probe the store', 'write', async () => {})
  }

  /**
   * Publishes a file, and returns the ticket to claim it with on any host. The temp file is removed then; a claim on this
   * host is completed, so a local handoff can be published from its claim. On failure the file stays as it was.
   * @throws ERR_TEMP_OPTION_INVALID (also: a directory; pack it into a file first), ERR_TEMP_REMOVED, ERR_TEMP_IO,
   * ERR_TEMP_UPLOAD_FAILED, ERR_TEMP_TIMEOUT, ERR_TEMP_ABORTED, ERR_TEMP_CLOSED
   */
  async handOff<M = Json>(file: PublishableFile, options?: S3HandOffOptions<M>): Promise<string> {
    const { ttl, maxAttempts, meta, signal } = checkHandOff(options)
    requireFile(file)
    const settings = {
      ttlMs: ttl ?? this.#store.ttlMs,
      maxAttempts: maxAttempts ?? this.#store.maxAttempts,
      meta: checkMeta(meta),
      signal,
    }
    const ticket = await this.#run(
      'publish the handoff',
      'write',
      () => publishTicket(this.#store, file, settings),
      signal,
    )
    log.handoff('published %s in the bucket', ticket)
    if (channels.handoff.hasSubscribers) channels.handoff.publish({ ticket, kind: 'file', name: file.name })
    // It is published: what fails from here on must not look as if it were not. A claim is completed again by its owner.
    await file.remove().catch((error: unknown) => log.handoff('published, but not removed here: %O', error))
    return ticket
  }

  /**
   * Takes a ticket into exclusive possession: downloads its file into the manager's session, or with `download: false`
   * gives its stream. Renewed by itself until complete(), release() or the end of its scope, which gives it back.
   * @throws ERR_TEMP_TICKET_INVALID, ERR_TEMP_HANDOFF_GONE, ERR_TEMP_HANDOFF_CLAIMED (by whom and since when, in `details`),
   * ERR_TEMP_HANDOFF_DEAD (its attempts are used up), ERR_TEMP_HANDOFF_CORRUPT, ERR_TEMP_DOWNLOAD_FAILED, ERR_TEMP_TIMEOUT,
   * ERR_TEMP_ABORTED, ERR_TEMP_NO_SPACE, ERR_TEMP_QUOTA, ERR_TEMP_TOO_LARGE, ERR_TEMP_IO, ERR_TEMP_CLOSED
   */
  claim<M = unknown>(
    ticket: string,
    options: S3ClaimOptions & { readonly download: false },
  ): Promise<S3StreamClaim<M>>
  claim<M = unknown>(
    ticket: string,
    options?: S3ClaimOptions & { readonly download?: true | undefined },
  ): Promise<S3Claim<M>>
  async claim<M>(ticket: string, options?: S3ClaimOptions): Promise<S3Claim<M> | S3StreamClaim<M>> {
    const { download = true, signal } = checkClaim(options)
    checkTicket(isTicket(ticket))
    if (download) return (await this.#claimFile<M>(ticket, signal)).claim
    const lease = await this.#take(ticket, undefined, signal)
    return streamClaim<M>(lease, () => streamData(this.#store, lease))
  }

  /**
   * Claims, calls `fn`, then completes; gives the ticket back when `fn` throws, with the error's text for inspect().
   * Rejects as {@link claim} and complete() do, or with what `fn` threw. A claim that `fn` itself completed, released,
   * persisted or handed off has ended; one that its manager gave back rejects.
   */
  async withClaim<M = unknown, T = unknown>(
    ticket: string,
    fn: (claim: S3Claim<M>) => Promise<T> | T,
    options?: Pick<S3ClaimOptions, 'signal'>,
  ): Promise<T> {
    requireCallback('withClaim', fn, 'second')
    const { signal } = checkClaim(options)
    checkTicket(isTicket(ticket))
    const { lease, claim: held } = await this.#claimFile<M>(ticket, signal)
    return await disposing(held, async (claim) => {
      let result: T
      try {
        result = await fn(claim)
      } catch (error) {
        await claim.release(error).catch(() => {}) // the error of `fn` matters more
        throw error
      }
      if (!claim.disposed || lease.abandoned) await claim.complete()
      return result
    })
  }

  /** One ticket, without claiming it. @throws ERR_TEMP_TICKET_INVALID, ERR_TEMP_HANDOFF_GONE, ERR_TEMP_DOWNLOAD_FAILED, ERR_TEMP_TIMEOUT */
  async inspect(ticket: string): Promise<S3HandoffInfo> {
    checkTicket(isTicket(ticket))
    const info = await this.#run('inspect the handoff', 'read', () => readInfo(this.#store, ticket))
    if (info === undefined) throw goneError()
    return info
  }

  /**
   * Tickets that are waiting, claimed or dead letters, in alphabetical order: a page of at most `limit`. One LIST for 500
   * tickets and one GET for each. @throws ERR_TEMP_OPTION_INVALID, ERR_TEMP_DOWNLOAD_FAILED, ERR_TEMP_TIMEOUT
   */
  async handoffs(options?: S3ListOptions): Promise<S3HandoffInfo[]> {
    const { limit = 1000, after } = checkList(options)
    if (after !== undefined) checkTicket(isTicket(after))
    return await this.#run('list the handoffs', 'read', () => listInfos(this.#store, limit, after))
  }

  /** Removes a ticket that nobody holds, unseen; also a dead letter. @throws as {@link claim} */
  async discard(ticket: string): Promise<void> {
    const { record } = (await this.#change(ticket, 'discard the handoff', discardNext)).before
    if (record.state !== 'done') await this.#store.deleteData(record)
  }

  /** Makes a dead letter available again, with all its attempts. @throws as {@link claim} */
  async retry(ticket: string): Promise<void> {
    await this.#change(ticket, 'retry the handoff', retryNext)
  }

  /**
   * Removes expired tickets, tombstones, data without a record and unfinished multipart uploads. Run it on one host or on
   * several, as often as you like; it never removes what can still be claimed.
   * @throws ERR_TEMP_OPTION_INVALID, ERR_TEMP_DOWNLOAD_FAILED, ERR_TEMP_TIMEOUT, ERR_TEMP_ABORTED
   */
  async sweep(options?: S3SweepOptions): Promise<S3SweepReport> {
    const settings = sweepSettings(options)
    const work = (): Promise<S3SweepReport> => sweepBucket(this.#store, settings)
    return await this.#run('sweep the bucket', 'read', work, settings.signal)
  }

  /**
   * Gives back all claims that are still held: their `signal` aborts with ERR_TEMP_CLOSED, and complete() and withClaim()
   * reject with it. So does a claim() that is under way. The client is the program's: it stays open. Idempotent.
   */
  async close(): Promise<void> {
    const reason = closedError()
    this.#closing.abort(reason)
    const failures = await Promise.allSettled([...this.#store.leases].map((lease) => lease.abandon(reason)))
    await Promise.allSettled(this.#taking)
    for (const failure of failures)
      if (failure.status === 'rejected') log.handoff('not given back, its lease will end: %O', failure.reason)
  }

  [asyncDispose](): Promise<void> {
    return this.close()
  }

  async #claimFile<M>(
    ticket: string,
    signal: AbortSignal | undefined,
  ): Promise<{ readonly lease: ClaimLease; readonly claim: S3Claim<M> }> {
    const manager = this.#store.openManager()
    const lease = await this.#take(ticket, closingOf(manager), signal)
    const file = await receiveData(this.#store, lease, manager, signal)
    const claim = fileClaim<M>(lease, file, (again, handOff) => this.handOff(again, handOff))
    return { lease, claim }
  }

  async #take(
    ticket: string,
    closing: AbortSignal | undefined,
    signal: AbortSignal | undefined,
  ): Promise<ClaimLease> {
    const stop = joinSignals(signal, this.#closing.signal)
    const take = async (): Promise<ClaimLease> => {
      const lease = await takeTicket(this.#store, ticket, this.#store.budget(stop.signal), closing)
      if (!this.#closing.signal.aborted) return lease
      await lease.abandon(this.#closing.signal.reason).catch(() => {}) // its lease will end
      throw closedError()
    }
    const taking = this.#run('claim the handoff', 'read', take, signal)
    this.#taking.add(taking)
    try {
      const lease = await taking
      if (channels.claim.hasSubscribers) channels.claim.publish({ ticket, attempt: lease.attempt })
      return lease
    } finally {
      this.#taking.delete(taking)
      stop.detach()
    }
  }

  async #change(ticket: string, doing: string, next: Parameters<typeof changeTicket>[3]): Promise<Change> {
    checkTicket(isTicket(ticket))
    return await this.#run(doing, 'write', () =>
      changeTicket(this.#store, ticket, this.#store.budget(), next),
    )
  }

  /** Runs an operation of a store that was probed; every failure is typed. */
  async #run<T>(
    doing: string,
    direction: Direction,
    work: () => Promise<T>,
    signal?: AbortSignal | undefined,
  ): Promise<T> {
    if (this.#closing.signal.aborted) throw closedError()
    try {
      await this.#probed(signal)
      return await work()
    } catch (error) {
      throw signal?.aborted === true ? abortError(signal.reason) : storeError(error, doing, direction)
    }
  }

  async #probed(signal: AbortSignal | undefined): Promise<void> {
    if (this.#wasProbed) return
    const { bucket, keys } = this.#store
    const ask = (): Promise<ProbeResult> => probe(bucket, keys.probe(), this.#store.limits())
    bucket.quoteEtags = (await probeOnce(bucket, ask, signal)).quoteEtags
    this.#wasProbed = true
  }
}
