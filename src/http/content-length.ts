// Content-Length and Content-Encoding of a request or a response (RFC 9110 sections 8.6 and 8.4). Guarantee: a length that
// is not a whole number counts as none, so that nothing is decided by it.

/** Bytes of the content; undefined where they are not announced. */
export function contentLength(value: string | null | undefined): number | undefined {
  return value !== undefined && value !== null && /^\d{1,15}$/.test(value) ? Number(value) : undefined
}

/** Whether the content is sent as it is. The names of codings are case-insensitive. */
export function isIdentity(contentEncoding: string | null | undefined): boolean {
  return /^(?:identity)?$/i.test(contentEncoding ?? '')
}
