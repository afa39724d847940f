// The options of a resumable upload server.

import { optionError } from '../errors.ts'
import { prepareRules } from '../file-types/file-rules.ts'
import type { Duration, FileRules, FinishedUpload, Size } from '../index.ts'
import {
  boolean,
  callback,
  duration,
  type Kind,
  oneOf,
  optionsOf,
  preset,
  size,
  text,
  timerDuration,
} from '../input/options.ts'

/** A request as your functions see it, the same for node:http, HTTP/2 and the Fetch API. */
export interface UploadRequest {
  readonly method: string
  /** The request's URL as it came: a path, or the whole URL of a Fetch Request. */
  readonly url: string
  header(name: string): string | undefined
  /** The upload's id; undefined for a request that creates one. */
  readonly uploadId: string | undefined
  /** The framework's own request. */
  readonly native: unknown
}

/** The answer to a finished upload: that of the resource that the client first sent it to. */
export interface UploadReply {
  /** From 200 to 599. Default 200. */
  readonly status?: number | undefined
  /**
   * They take precedence over `Content-Type` and `Repr-Digest`. Encode what a client chose, such as `originalName`: with a
   * value that HTTP does not allow the answer is a 500.
   */
  readonly headers?: Readonly<Record<string, string>> | undefined
  /** Text as it is; anything else as JSON. Default: `{ ticket, bytes, digest }`. Nothing with status 204, 205 or 304. */
  readonly body?: unknown
}

/** Options of {@link resumableUploads}. */
export interface ResumableOptions {
  /** Rules for the file: its type is judged on the first 4 KB, `validate` runs on the whole file. */
  readonly accept?: FileRules | undefined
  /** The most bytes of a file: `max-size`. Default: the manager's `limits.fileBytes`, which holds also where this is larger. */
  readonly maxBytes?: Size | undefined
  /** The most bytes of one request: `max-append-size`. */
  readonly maxAppendBytes?: Size | undefined
  /** The least bytes of a request that is not the last: `min-append-size`. */
  readonly minAppendBytes?: Size | undefined
  /** How long an unfinished upload waits for its next byte, and a finished one for a late question. Default '1d'. */
  readonly ttl?: Duration | undefined
  /** How long an upload is kept in all. Default '7d'. */
  readonly maxAge?: Duration | undefined
  /** A request that brings no byte for so long is ended; what it brought is kept. Default '60s'. */
  readonly timeout?: Duration | undefined
  /** Sync what is acknowledged to the disk. Default true. */
  readonly durable?: boolean | undefined
  /** A digest to compute of every file; a client's Repr-Digest or Want-Repr-Digest is honoured without it. */
  readonly hash?: 'sha256' | 'sha512' | undefined
  /**
   * The path below which uploads are, and nothing else, such as '/files': what is not the URL of an upload there is a 404.
   * Default: that of the request that creates one.
   */
  readonly path?: string | undefined
  /** Called before each request is acted on, and again before an upload is finished. Throw to refuse. */
  readonly authorize?: ((request: UploadRequest) => Promise<void> | void) | undefined
  /** JSON for the handoff's `meta`, or a promise of it, from the request that creates an upload. */
  readonly meta?: ((request: UploadRequest) => unknown) | undefined
  /**
   * Answers the last request. Called again with the same ticket when the client lost the answer and asks again, or after a
   * crash: make it repeatable. When it throws, a client that knows the draft can ask again; the handoff of an ordinary upload
   * is discarded, unless it is claimed.
   */
  readonly onComplete?:
    | ((
        upload: FinishedUpload,
        request: UploadRequest,
      ) => Promise<UploadReply | undefined> | UploadReply | undefined)
    | undefined
}

/** It is sent in Location, so a text that HTTP does not allow is refused here. */
const path: Kind<string> = (value, option) => {
  const given = text(value, option)
  if (/^[!-~]*$/.test(given)) return given
  throw optionError(option, `${option} must be a URL path. Encode it, for example with encodeURI.`)
}

export const checkResumableOptions = optionsOf('resumableUploads', {
  accept: preset(validRules),
  maxBytes: size,
  maxAppendBytes: size,
  minAppendBytes: size,
  ttl: duration,
  maxAge: duration,
  timeout: timerDuration,
  durable: boolean,
  hash: oneOf('sha256', 'sha512'),
  path,
  authorize: callback<NonNullable<ResumableOptions['authorize']>>(),
  meta: callback<NonNullable<ResumableOptions['meta']>>(),
  onComplete: callback<NonNullable<ResumableOptions['onComplete']>>(),
})

function validRules(value: unknown, option: string): FileRules {
  prepareRules(value, option)
  return value as FileRules // checked just now
}

export type Prepared = ReturnType<typeof checkResumableOptions>
