// Facts of a request for the store, and facts of its upload from the store. They go with the request's asynchronous
// context, because @tus/server passes no request to its store. Guarantee: nothing of a request outlives it.

import type { Digest } from '../claimable/upload-record.ts'

export interface RequestFacts {
  /** The digest of the request's bytes. */
  readonly checksum: Digest | undefined
  /** The Upload-Concat of the upload that the request creates. */
  readonly concat: string | undefined
  /** The request would write: it is refused for a final upload. */
  readonly writes: boolean
  /** The upload as getUpload() found it. */
  seen: { readonly concat: string | undefined; readonly finished: boolean } | undefined
}
