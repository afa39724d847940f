// The types of partial uploads that a user holds. No decisions here.

import type { Readable } from 'node:stream'
import type { Digest } from '../claimable/upload-record.ts'
import type { Duration, Size } from '../input/units.ts'
import type { ByteSource, Claim, FileRules, Json } from '../types.ts'

/**
 * Rules for the file, and for how long an unfinished upload is kept.
 * @category Partial uploads
 */
export interface UploadRules {
  /** Rules for the file. `types` is judged on the first 4 KB, as soon as they are there; `validate` at the end. */
  readonly accept?: FileRules | undefined
  /** The most bytes; default: the manager's `limits.fileBytes`. */
  readonly maxBytes?: Size | undefined
}

/**
 * Options of {@link TempFileManager.createUpload}.
 * @category Partial uploads
 */
export interface CreateUploadOptions extends UploadRules {
  /** All bytes to come, where that is known: they are reserved on the whole root at once. */
  readonly length?: number | undefined
  /** The client's name for the file; for display and for the rules, never a path. */
  readonly originalName?: string | undefined
  /** The media type that the client declares; at most 16 KiB of JSON, as the name. */
  readonly type?: string | undefined
  /** Any JSON value of at most 64 KiB; the handoff at the end carries it. */
  readonly meta?: unknown
  /** How long an unfinished upload waits for its next byte, and a finished one for a late question. Default '1d'. */
  readonly ttl?: Duration | undefined
  /** How long it is kept in all, whatever arrives. Default '7d'. */
  readonly maxAge?: Duration | undefined
  /** Sync every acknowledged offset and the handoff to the disk, so that they survive a power cut. Default true. */
  readonly durable?: boolean | undefined
  /** A digest to compute: any name in `crypto.getHashes()`. */
  readonly hash?: 'sha256' | (string & {}) | undefined
  /** The digest of the whole file, in hex, or several: a mismatch of any at the end deletes the upload. */
  readonly expectedDigest?: Digest | readonly Digest[] | undefined
  /** An id of your protocol; the same id always names the same upload. Default: a random one. */
  readonly id?: string | undefined
  /** JSON that your protocol needs again when the upload is opened; not handed to the claimant. */
  readonly protocol?: unknown
}

/**
 * Options of {@link TempFileManager.openUpload}.
 * @category Partial uploads
 */
export interface OpenUploadOptions {
  /**
   * The policy while a request of this or another process writes to the upload. 'refuse' (the default) rejects with
   * ERR_TEMP_HANDOFF_CLAIMED; 'take-over' asks it to stop and waits for it: right when the client itself comes back.
   */
  readonly whenBusy?: 'refuse' | 'take-over' | undefined
  /**
   * The offset from which a 'take-over' continues. A writer that is at another one is left alone: ERR_TEMP_HANDOFF_CLAIMED, with
   * its offset as `bytes` in the details. Default: any writer is asked to stop.
   */
  readonly offset?: number | undefined
  /** How long a take-over waits. Default '5s'. */
  readonly timeout?: Duration | undefined
}

/**
 * Options of {@link PartialUpload.append}.
 * @category Partial uploads
 */
export interface AppendOptions extends UploadRules {
  readonly signal?: AbortSignal | undefined
  /** Exactly so many bytes must come (a Content-Length); fewer are ERR_TEMP_TRUNCATED, and are kept. */
  readonly expectedBytes?: number | undefined
  /** The most bytes of this append: more are ERR_TEMP_TOO_LARGE, and those before them are kept. */
  readonly maxAppendBytes?: Size | undefined
  /** The least bytes of this append, where it brings any: fewer are ERR_TEMP_TOO_SMALL, and are taken back. */
  readonly minAppendBytes?: Size | undefined
  /** Digests of these bytes: a mismatch takes all of them back. */
  readonly digests?: readonly Digest[] | undefined
  /** Called with each offset that is on the disk, about once a second. */
  readonly onOffset?: ((offset: number) => void) | undefined
  /** These are the last bytes, and {@link PartialUpload.finish} follows at once: it syncs them. */
  readonly last?: boolean | undefined
  /** Pause a failing Node stream instead of destroying it. */
  readonly keepSource?: boolean | undefined
}

/**
 * The result of a finished upload. The same upload always gives the same ticket.
 * @category Partial uploads
 */
export interface FinishedUpload {
  readonly id: string
  /** The handoff's ticket. */
  readonly ticket: string
  readonly bytes: number
  /** The digest in lower-case hex, when `hash` asked for one. */
  readonly digest: string | undefined
  /** All computed digests, in lower-case hex, by algorithm. */
  readonly digests: Readonly<Record<string, string>>
  readonly detectedType: string | undefined
  readonly originalName: string | undefined
  readonly type: string | undefined
  readonly meta: unknown
  /** Claims the handoff: you own its file until you complete or release it. @throws as {@link TempFileManager.claim} */
  claim(): Promise<Claim<unknown>>
}

/**
 * A partial upload, held by this process alone until it is finished, released or discarded. Leaving its scope releases
 * it: the client can continue at any time and in any process.
 * @category Partial uploads
 */
export interface PartialUpload extends AsyncDisposable {
  readonly id: string
  /** Bytes received so far. */
  readonly offset: number
  /** All bytes to come; undefined while that is not known. */
  readonly length: number | undefined
  readonly originalName: string | undefined
  readonly type: string | undefined
  readonly meta: unknown
  readonly protocol: unknown
  /** Its result, once it is finished. */
  readonly finished: FinishedUpload | undefined
  /** Milliseconds since 1970: the creation, and the last byte by the volume's clock. */
  readonly createdAtMs: number
  readonly lastByteAtMs: number | undefined
  /** Milliseconds until a sweep may remove it. */
  readonly expiresInMs: number | undefined
  /**
   * Appends bytes and resolves with the new offset, which is on the disk. When the source fails it rejects, and the bytes
   * received until then are kept: look at `offset`.
   * @throws ERR_TEMP_ABORTED, ERR_TEMP_TIMEOUT, ERR_TEMP_TRUNCATED, ERR_TEMP_TOO_LARGE (more than the declared length or
   * `maxBytes`: the upload is deleted; more than `maxAppendBytes`: it is kept), ERR_TEMP_TOO_SMALL (`minAppendBytes`),
   * ERR_TEMP_TYPE_REJECTED (the upload is deleted), ERR_TEMP_NO_SPACE, ERR_TEMP_QUOTA, ERR_TEMP_IO
   */
  append(source: ByteSource, options?: AppendOptions): Promise<number>
  /** Reads the bytes received so far. @throws ERR_TEMP_REMOVED */
  read(): Readable
  /**
   * Declares the length, in bytes, of an upload that was created without one. It is reserved on the whole root.
   * @throws ERR_TEMP_TOO_LARGE (more than `rules` or `limits.fileBytes` allow), ERR_TEMP_QUOTA, ERR_TEMP_NO_SPACE,
   * ERR_TEMP_OPTION_INVALID (another length is known)
   */
  declareLength(length: number, rules?: UploadRules): Promise<void>
  /**
   * Checks length, digest and rules, and publishes the file as a handoff, once: after a crash at any point the next call
   * gives the same ticket.
   * @throws ERR_TEMP_TRUNCATED (bytes are missing, or the digest differs), ERR_TEMP_TOO_SMALL, ERR_TEMP_TOO_LARGE,
   * ERR_TEMP_TYPE_REJECTED, ERR_TEMP_IO, ERR_TEMP_NO_SPACE, ERR_TEMP_QUOTA (`accept.validate` needs one more live entry),
   * and what `accept.validate` throws
   */
  finish(options?: UploadRules): Promise<FinishedUpload>
  /** Gives it back, so that any process can continue it. Idempotent. */
  release(): Promise<void>
  /**
   * Deletes it. Idempotent.
   * @throws ERR_TEMP_REMOVED, ERR_TEMP_CLOSED (it was given back before, so it is not deleted), ERR_TEMP_IO
   */
  discard(): Promise<void>
}

/**
 * Further members, for this package's own servers.
 * @internal
 */
export interface AnsweredUpload extends PartialUpload {
  /** The answer that was kept with the finished upload. */
  readonly answer: Json | undefined
  /** Keeps the server's answer to the last byte with the finished upload. @throws (rejects) ERR_TEMP_OPTION_INVALID (over 64 KiB of JSON), ERR_TEMP_REMOVED, and the system's error */
  keepAnswer(answer: unknown): Promise<void>
}

/**
 * A partial upload as it is listed, without being claimed.
 * @category Partial uploads
 */
export interface UploadInfo {
  readonly id: string
  /** 'waiting' for its client, 'receiving', 'finished', or 'corrupt': its record cannot be read, or some of its data is missing. */
  readonly state: 'waiting' | 'receiving' | 'finished' | 'corrupt'
  /** Bytes on disk. */
  readonly bytes: number
  readonly length: number | undefined
  readonly originalName: string | undefined
  readonly meta: unknown
  /** The handoff's ticket, once it is finished. */
  readonly ticket: string | undefined
  readonly createdAtMs: number | undefined
  /** Milliseconds since the last byte, by the volume's clock. */
  readonly ageMs: number | undefined
  /** Milliseconds until a sweep may remove it; undefined while it is being received. */
  readonly expiresInMs: number | undefined
  /** The process that has claimed it. One that was killed is named until a sweep or openUpload() frees the upload. */
  readonly writer: { readonly pid: number | undefined; readonly hostname: string | undefined } | undefined
  /** The problem of a corrupt one. */
  readonly problem: string | undefined
}
