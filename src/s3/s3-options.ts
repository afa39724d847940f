// The options of S3Handoffs, checked before the first request.

import type { S3Client } from '@aws-sdk/client-s3'
import { optionError } from '../errors.ts'
import type { Duration, Json, JsonOf, TempFileManager } from '../index.ts'
import {
  abortSignal,
  boolean,
  duration,
  durationWithin,
  integer,
  type Kind,
  LONGEST_TIMER_MS,
  nested,
  optionsOf,
  text,
  timerDuration,
  unchecked,
} from '../input/options.ts'
import { requireManager } from '../input/program-objects.ts'

/** Options of {@link S3Handoffs}. */
export interface S3HandoffsOptions {
  /** The program's own client: its credentials, region, endpoint and proxies are used as they are. */
  readonly client: S3Client
  readonly bucket: string
  /** The prefix of all keys; default 'temp-file-manager/'. Programs that share tickets share the prefix. */
  readonly prefix?: string | undefined
  /** The manager that claims are downloaded to; default: the process's default manager. */
  readonly manager?: TempFileManager | undefined
  /** How long a claim lasts without a renewal; default '60s', at least '3s'. It is renewed at a third of it. */
  readonly lease?: Duration | undefined
  /** The longest wait for an answer of the store, repeats included; default '10s'. Data is repeated for up to a minute. */
  readonly timeout?: Duration | undefined
  readonly handoff?:
    | {
        /** How long a ticket waits for a claimant; default '7d'. */
        readonly ttl?: Duration | undefined
        /** Claims before a ticket becomes a dead letter; default: no limit. */
        readonly maxAttempts?: number | undefined
      }
    | undefined
}

/** Options of {@link S3Handoffs.handOff}. `M` is the type of `meta`, which TypeScript infers. */
export interface S3HandOffOptions<M = Json> {
  /** How long it waits for a claimant, from each publishing, release and lost lease. Default: `handoff.ttl`, '7d'. */
  readonly ttl?: Duration | undefined
  /** Any JSON value of at most 64 KiB, for the claimant. It is part of the record, which each renewal sends again. */
  readonly meta?: Json | (M & JsonOf<M>) | undefined
  /** Claims before it becomes a dead letter. Default: `handoff.maxAttempts`. */
  readonly maxAttempts?: number | undefined
  readonly signal?: AbortSignal | undefined
}

/** Options of {@link S3Handoffs.claim}. */
export interface S3ClaimOptions {
  /** false: no file; the claim has `stream()` instead. Default true. */
  readonly download?: boolean | undefined
  /** Gives up; what was claimed is given back. */
  readonly signal?: AbortSignal | undefined
}

/** Options of {@link S3Handoffs.handoffs}. */
export interface S3ListOptions {
  /** The most tickets; default 1,000. */
  readonly limit?: number | undefined
  /** Only tickets behind this one in alphabetical order: the last of the previous call. */
  readonly after?: string | undefined
}

/** Options of {@link S3Handoffs.sweep}. */
export interface S3SweepOptions {
  /** Ends after this time; the next sweep continues somewhere else. Default '30s'. */
  readonly timeLimit?: Duration | undefined
  /** Reports what would be removed, and removes nothing. */
  readonly dryRun?: boolean | undefined
  /** Age of data without a record before it is removed: longer than any upload takes. Default '1d'. */
  readonly orphansAfter?: Duration | undefined
  /** Age of a multipart upload before it is aborted. Default '1d'. */
  readonly uploadsAfter?: Duration | undefined
  /**
   * How long tombstones stay. Default '1h': a signed request is refused after 15 minutes, so none that was delayed in the
   * network can bring a ticket back. '0s' only when no program uses the prefix any more.
   */
  readonly tombstonesAfter?: Duration | undefined
  readonly signal?: AbortSignal | undefined
}

const DAY_MS = 86_400_000
/** Dates have whole seconds; a lease needs a few of them. */
const LEAST_LEASE_MS = 3000

const client: Kind<S3Client> = (value, option) => {
  // By its methods: a program may have another copy of the SDK.
  const { send } = (value ?? {}) as { send?: unknown } // any value can be read by key
  if (typeof send === 'function') return value as S3Client
  throw optionError(option, `${option} must be an S3Client of @aws-sdk/client-s3.`)
}

const bucketName: Kind<string> = (value, option) => {
  const name = text(value, option)
  if (name !== '') return name
  throw optionError(option, `${option} is empty. Pass the name of a bucket.`)
}

/** Keys are compared byte by byte; what XML cannot hold would not come back from a listing. */
const keyPrefix: Kind<string> = (value, option) => {
  const prefix = text(value, option)
  if (/^[\w!*'()./-]*$/.test(prefix) && prefix.length <= 512 && !prefix.startsWith('/')) return prefix
  throw optionError(
    option,
    `${option} may hold letters, digits, slashes and !-_.*'() only, and must not begin with a slash.`,
  )
}

const lease = durationWithin(
  LEAST_LEASE_MS,
  LONGEST_TIMER_MS,
  "between '3s' (the store's clock has a resolution of one second) and '24d'",
)

const checkStore = optionsOf('S3Handoffs', {
  client,
  bucket: bucketName,
  prefix: keyPrefix,
  manager: requireManager,
  lease,
  timeout: timerDuration,
  handoff: nested({ ttl: duration, maxAttempts: integer(1) }),
})

/** Checked settings, with their defaults. */
export interface StoreSettings {
  readonly client: S3Client
  readonly bucket: string
  readonly prefix: string
  readonly manager: TempFileManager | undefined
  readonly leaseMs: number
  readonly timeoutMs: number
  readonly ttlMs: number
  readonly maxAttempts: number | undefined
}

/** @throws ERR_TEMP_OPTION_INVALID */
export function storeSettings(options: S3HandoffsOptions): StoreSettings {
  const { client, bucket, prefix, manager, lease, timeout, handoff } = checkStore(options)
  if (client === undefined) throw optionError('client', 'S3Handoffs needs the option client: an S3Client.')
  if (bucket === undefined)
    throw optionError('bucket', "S3Handoffs needs the option bucket: a bucket's name.")
  return {
    client,
    bucket,
    prefix: prefix ?? 'temp-file-manager/',
    manager,
    leaseMs: lease ?? 60_000,
    timeoutMs: timeout ?? 10_000,
    ttlMs: handoff?.ttl ?? 7 * DAY_MS,
    maxAttempts: handoff?.maxAttempts,
  }
}

export const checkHandOff = optionsOf('handOff', {
  ttl: duration,
  meta: unchecked<Json>(), // checkMeta follows
  maxAttempts: integer(1),
  signal: abortSignal,
})

export const checkClaim = optionsOf('claim', { download: boolean, signal: abortSignal })

export const checkList = optionsOf('handoffs', { limit: integer(1), after: text })

const checkSweep = optionsOf('sweep', {
  timeLimit: timerDuration,
  dryRun: boolean,
  orphansAfter: duration,
  uploadsAfter: duration,
  tombstonesAfter: duration,
  signal: abortSignal,
})

export interface SweepSettings {
  readonly timeLimitMs: number
  readonly dryRun: boolean
  readonly orphansAfterMs: number
  readonly uploadsAfterMs: number
  readonly tombstonesAfterMs: number
  readonly signal: AbortSignal | undefined
}

/** @throws ERR_TEMP_OPTION_INVALID */
export function sweepSettings(options: S3SweepOptions | undefined): SweepSettings {
  const { timeLimit, dryRun, orphansAfter, uploadsAfter, tombstonesAfter, signal } = checkSweep(options)
  return {
    timeLimitMs: timeLimit ?? 30_000,
    dryRun: dryRun ?? false,
    orphansAfterMs: orphansAfter ?? DAY_MS,
    uploadsAfterMs: uploadsAfter ?? DAY_MS,
    tombstonesAfterMs: tombstonesAfter ?? DAY_MS / 24,
    signal,
  }
}
