// Content-Length of a request or a response (RFC 9110 section 8.6). Guarantee: a value that is not a whole number counts as
// none, so that nothing is decided by it.

/** Bytes of the content; undefined where they are not announced. */
export function contentLength(value: string | null | undefined): number | undefined {
  return value !== undefined && value !== null && /^\d{1,15}$/.test(value) ? Number(value) : undefined
}
