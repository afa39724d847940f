// Checks the URLs of transfers. Guarantee: only http and https, also after a redirect.

import { TempFileError } from '../../errors.ts'

/** The URL, parsed. @throws ERR_TEMP_OPTION_INVALID */
export function webAddress(url: string | URL): URL {
  let parsed: URL
  try {
    parsed = new URL(url)
    decodeURIComponent(`${parsed.username}:${parsed.password}`) // as they are sent
  } catch (cause) {
    throw new TempFileError('ERR_TEMP_OPTION_INVALID', 'Invalid URL. Pass an absolute http(s) URL.', {
      cause,
    })
  }
  if (parsed.protocol === 'http:' || parsed.protocol === 'https:') return parsed
  throw new TempFileError(
    'ERR_TEMP_OPTION_INVALID',
    `The URL has the protocol '${parsed.protocol}'. Pass an http(s) URL.`,
  )
}
