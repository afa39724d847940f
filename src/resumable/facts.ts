// The facts of a request that concern the protocol, read once from its header fields.

import type { Exchange } from './exchange.ts'
import { booleanField, INTEROP_VERSION, integerField } from './fields.ts'

export const PARTIAL_UPLOAD = 'application/partial-upload'

/** The facts of a request that concern the protocol. */
export interface Facts {
  /** Upload-Complete; undefined where the client did not ask for resumability. */
  readonly complete: boolean | undefined
  readonly offset: number | undefined
  readonly length: number | undefined
  /** The client speaks this interop version, so a 104 may be sent. */
  readonly speaksOurs: boolean
}

export function factsOf(exchange: Exchange): Facts {
  return {
    complete: booleanField(exchange.header('upload-complete')),
    offset: integerField(exchange.header('upload-offset')),
    length: integerField(exchange.header('upload-length')),
    speaksOurs: exchange.header('upload-draft-interop-version') !== undefined, // another version was refused before
  }
}

/** The media type of the content, without parameters. */
export function mediaTypeOf(exchange: Exchange): string | undefined {
  const type = exchange.header('content-type')?.split(';', 1)[0]?.trim().toLowerCase()
  return type === '' ? undefined : type
}

/** The length that a request which ends the upload implies by its Content-Length. */
export function totalOf(
  { contentLength }: Exchange,
  { complete }: Facts,
  offset: number,
): number | undefined {
  return complete === true && contentLength !== undefined ? offset + contentLength : undefined
}

/** Sends a 104 to a client that knows it. */
export function inform(exchange: Exchange, { speaksOurs }: Facts, headers: Record<string, string>): void {
  if (speaksOurs) exchange.inform({ 'Upload-Draft-Interop-Version': INTEROP_VERSION, ...headers })
}
