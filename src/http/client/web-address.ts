// Which addresses are fetched from and sent to. Promise: only http and https, whatever a redirect says.

import { TempFileError } from '../../errors.ts'

/** Checks an address. @throws ERR_TEMP_OPTION_INVALID */
export function webAddress(url: string | URL): URL {
  let parsed: URL
  try {
    parsed = new URL(url)
  } catch (cause) {
    throw new TempFileError(
      'ERR_TEMP_OPTION_INVALID',
      'The address is no URL. Give a whole one, with http:// or https://.',
      { cause },
    )
  }
  if (parsed.protocol === 'http:' || parsed.protocol === 'https:') return parsed
  throw new TempFileError(
    'ERR_TEMP_OPTION_INVALID',
    `The address has the protocol '${parsed.protocol}'. Only http: and https: are possible.`,
  )
}
