// The claim of a ticket in a bucket: a TempFile in the session of a manager, or a stream without a file. Guarantee: the end
// of its scope gives the ticket back unless it was completed, and its removal completes it, as with a claim on one host.

import type { Readable } from 'node:stream'
import { TempFileError } from '../errors.ts'
import type { ClaimMembers, HandOffOptions, Json, PersistOptions, TempFile } from '../index.ts'
import { asyncDispose, dispose } from '../runtime/dispose.ts'
import { log } from '../runtime/observe.ts'
import type { ClaimLease } from './claim-lease.ts'

/** The members of both kinds of claim. */
export interface S3ClaimMembers<M> extends Pick<ClaimMembers<M>, 'ticket' | 'meta'> {
  /**
   * 1 for the first claimant, 2 after that one released it or died, and so on. It is also the fencing number: pass it to
   * whatever you write to, and let that refuse a number that is lower than one it has seen.
   */
  readonly attempt: number
  /**
   * Aborts before the lease ends when it cannot be renewed, and when the manager that has its file or the S3Handoffs
   * closes: stop working then. Its reason is a TempFileError.
   */
  readonly signal: AbortSignal
  /**
   * Done: the ticket ends and its data is deleted. Idempotent.
   * @throws ERR_TEMP_HANDOFF_CLAIMED, ERR_TEMP_HANDOFF_GONE (the claim was lost), ERR_TEMP_REMOVED (it was released, also by
   * removeAll() of its manager), ERR_TEMP_CLOSED (its manager or S3Handoffs closed, which gave it back),
   * ERR_TEMP_UPLOAD_FAILED, ERR_TEMP_TIMEOUT (the store could not be reached: call it again)
   */
  complete(): Promise<void>
  /**
   * Gives it back for another attempt; also what leaving the scope does. `reason` is shown as `lastError`. After a failure
   * do not go on with the work: the request may take effect later. Call it again, or let the lease end.
   * @throws ERR_TEMP_REMOVED (it was completed), ERR_TEMP_UPLOAD_FAILED, ERR_TEMP_TIMEOUT
   */
  release(reason?: unknown): Promise<void>
}

/** A claim whose file was downloaded into the manager's session. `remove()` completes it, `persist()` and `handOff()` too. */
export type S3Claim<M = unknown> = TempFile & S3ClaimMembers<M>

/** A claim without a file: `stream()` gives the bytes. */
export interface S3StreamClaim<M = unknown> extends S3ClaimMembers<M>, AsyncDisposable {
  /** The published file's name. */
  readonly name: string
  readonly bytes: number
  /** True once it is completed or released. */
  readonly disposed: boolean
  /**
   * The content, from its first byte; each call downloads it again. A break is resumed. The stream fails with
   * ERR_TEMP_HANDOFF_CORRUPT at its end when the digest is wrong: use nothing of it before its end.
   */
  stream(): Readable
}

function membersOf<M>(lease: ClaimLease): S3ClaimMembers<M> {
  const { ticket, meta, attempt } = lease.record
  return {
    ticket,
    meta: meta as Json | undefined as M, // the publisher's value: the caller names the type that it expects
    attempt,
    signal: lease.signal,
    complete: () => lease.complete(),
    release: (reason) => lease.release(reason),
  }
}

/** The end of a scope never rejects: a ticket that cannot be given back comes back when its lease ends. */
async function giveBack(lease: ClaimLease): Promise<void> {
  try {
    await lease.giveBack()
  } catch (error) {
    log.handoff('not given back, its lease will end: %O', error)
  }
}

export function streamClaim<M>(lease: ClaimLease, download: () => Readable): S3StreamClaim<M> {
  const { name, bytes } = lease.record
  return {
    ...membersOf<M>(lease),
    name,
    bytes,
    get disposed() {
      return lease.way !== undefined
    },
    stream: download,
    [asyncDispose]: () => giveBack(lease),
  }
}

/** Publishes the claim's file again: the store's own `handOff`. */
export type HandOn = (file: TempFile, options?: HandOffOptions) => Promise<string>

export function fileClaim<M>(lease: ClaimLease, file: TempFile, handOn: HandOn): S3Claim<M> {
  const plain = {
    remove: file.remove.bind(file),
    removeSync: file.removeSync.bind(file),
    persist: file.persist.bind(file),
    keepUntilClose: file.keepUntilClose.bind(file),
  }
  let kept = false
  const complete = async (): Promise<void> => {
    await lease.complete()
    await plain.remove()
  }
  const release = async (reason?: unknown): Promise<void> => {
    await lease.release(reason)
    await plain.remove()
  }
  const members = {
    ...membersOf<M>(lease),
    complete,
    release,
    remove: complete,
    removeSync: () => {
      if (lease.way === 'released') throw lease.returnedError()
      if (lease.way === undefined) throw needsTime('removeSync', 'await remove()')
      plain.removeSync()
    },
    async persist(destination: string, options?: PersistOptions) {
      const path = await plain.persist(destination, options)
      await lease.complete()
      return path
    },
    async handOff(options?: HandOffOptions) {
      const ticket = await handOn(file, options)
      await complete()
      return ticket
    },
    keepUntilClose() {
      kept = true
      plain.keepUntilClose()
      return claim
    },
    async [asyncDispose]() {
      if (kept) return
      await giveBack(lease)
      await plain.remove()
    },
    [dispose]() {
      if (kept) return
      void giveBack(lease)
      plain.removeSync()
    },
  }
  const claim: S3Claim<M> = Object.assign(file, members)
  return claim
}

function needsTime(method: string, instead: string): TempFileError {
  return new TempFileError(
    'ERR_TEMP_IO',
    `${method}() cannot complete a claim of another host's handoff without waiting for the store. Use ${instead}.`,
  )
}
