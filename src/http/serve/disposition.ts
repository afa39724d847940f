// Content-Disposition for any file name (RFC 6266). Guarantee: the header is ASCII only, so HTTP/1.1, HTTP/2 and every
// proxy transport it unchanged; a client that knows filename* saves the exact name.

import contentDisposition from 'content-disposition'

/** Saved ('attachment') or shown ('inline') under this name. */
export function dispositionOf(fileName: string, type: 'attachment' | 'inline'): string {
  return contentDisposition(fileName, { type, fallback: asciiName(fileName) })
}

/** For clients that ignore filename*: 'résumé.pdf' becomes 'resume.pdf'; a letter without an ASCII form becomes '?'. */
function asciiName(name: string): string {
  if (/^[\x20-\x7e]*$/.test(name)) return name
  return name
    .normalize('NFKD') // separates letters from their accents
    .replace(/\p{Mark}+/gu, '')
    .replace(/[^\x20-\x7e]|["%/\\]/gu, '?') // NFKD can produce quotes and separators out of full-width characters
}
