// The options of the tus store and server, checked when these are made.

import type { ServerOptions } from '@tus/server'
import { optionError } from '../errors.ts'
import { prepareRules } from '../file-types/file-rules.ts'
import type { Duration, FileRules, FinishedUpload, Size } from '../index.ts'
import {
  boolean,
  callback,
  describe,
  duration,
  integer,
  type Kind,
  listOf,
  optionsOf,
  preset,
  size,
  text,
} from '../input/options.ts'
import { digestName } from '../streams/receive-options.ts'
import type { TempFileLocker } from './locker.ts'

/** Options of {@link TempFileStore}. */
export interface TempFileStoreOptions {
  /** The locker that the server uses: the store writes through the claims it holds. */
  readonly locker?: TempFileLocker | undefined
  /** Rules for the file; the client's `filename` and `filetype` metadata are its declared name and type. */
  readonly accept?: FileRules | undefined
  /**
   * The most bytes of a file, and of each part of a concatenation. Default: the manager's `limits.fileBytes`, which holds
   * also where this is larger.
   */
  readonly maxBytes?: Size | undefined
  /** How long an unfinished upload waits for its next byte, and a finished one for a late question. Default '1d'. */
  readonly ttl?: Duration | undefined
  /** How long an upload is kept in all. Default '7d'. */
  readonly maxAge?: Duration | undefined
  /** Sync what is acknowledged to the disk. Default true. */
  readonly durable?: boolean | undefined
  /** A digest to compute of every file. */
  readonly hash?: 'sha256' | (string & {}) | undefined
}

/** The result of a tus upload. */
export interface FinishedTusUpload extends FinishedUpload {
  readonly metadata: Readonly<Record<string, string | null>> | undefined
}

/** The answer of `onFinish`, as @tus/server's own hooks give it. */
export type HookAnswer = Awaited<ReturnType<NonNullable<ServerOptions['onUploadFinish']>>>
/** The request that @tus/server passes to its hooks. */
export type TusRequest = Parameters<NonNullable<ServerOptions['onUploadFinish']>>[0]

/** Whether the client is answered with an error. */
export function isFailure({ status_code = 200 }: HookAnswer): boolean {
  return status_code >= 400
}

/** Options of {@link tusServer}: those of @tus/server without its store and locker, and those of {@link TempFileStore}. */
export type TusOptions = Omit<ServerOptions, 'locker' | 'onUploadFinish'> &
  Omit<TempFileStoreOptions, 'locker'> & {
    /**
     * Called with each finished file, before its client is answered, until it has succeeded once; its answer is then kept
     * for a client that asks again. After a crash it may be called again with the same ticket: make it repeatable. To fail,
     * throw, or return a `status_code` of 400 or more. While it runs the upload is locked; its handoff can be claimed.
     */
    readonly onFinish?:
      | ((upload: FinishedTusUpload, request: TusRequest) => Promise<HookAnswer | undefined>)
      | undefined
  }

const storeKinds = {
  accept: preset(prepareRules),
  maxBytes: size,
  ttl: duration,
  maxAge: duration,
  durable: boolean,
  hash: digestName,
}

const locker: Kind<TempFileLocker> = (value, option) => {
  const { open, keep } = (value ?? {}) as { open?: unknown; keep?: unknown } // any value can be read by key
  if (typeof open === 'function' && typeof keep === 'function') return value as TempFileLocker // of any copy of the package
  throw optionError(
    option,
    `${option} must be a TempFileLocker, the one that the server has, not ${describe(value)}.`,
  )
}

/** @throws ERR_TEMP_OPTION_INVALID */
export const checkStoreOptions = optionsOf('TempFileStore', { ...storeKinds, locker })

/** As @tus/server takes them, for a timer of Node. */
const milliseconds = integer(0, 2 ** 31 - 1)

/** A function, or a value of the kind. */
function orCallback<T>(kind: Kind<T>): Kind<unknown> {
  return (value, option) => (typeof value === 'function' ? value : kind(value, option))
}

const kinds = {
  ...storeKinds,
  path: text,
  maxSize: orCallback(integer()),
  relativeLocation: boolean,
  respectForwardedHeaders: boolean,
  allowedHeaders: listOf(text),
  exposedHeaders: listOf(text),
  allowedCredentials: boolean,
  allowedOrigins: orCallback(listOf(text)),
  postReceiveInterval: milliseconds,
  generateUrl: callback<unknown>(),
  getFileIdFromRequest: callback<unknown>(),
  namingFunction: callback<unknown>(),
  lockDrainTimeout: milliseconds,
  disableTerminationForFinishedUploads: boolean,
  onUploadCreate: callback<unknown>(),
  onIncomingRequest: callback<unknown>(),
  onResponseError: callback<unknown>(),
  onFinish: callback<unknown>(),
} satisfies Record<keyof TusOptions, Kind<unknown>> // an option that a new @tus/server adds does not compile without its kind

const checkKeys = optionsOf('tusServer', kinds)

/** @throws ERR_TEMP_OPTION_INVALID */
export function checkTusOptions(options: unknown): asserts options is TusOptions {
  const { path } = checkKeys(options)
  if (path === undefined || path === '')
    throw optionError('path', "tusServer() needs path, the path of its requests, for example '/files'.")
}
