// A misspelt option must not be silently ignored: `basedir` would put files where nobody expects them.

import { TempFileError } from '../errors.ts'

/** @throws ERR_TEMP_OPTION_INVALID for a key that is not known, naming the one that may have been meant */
export function refuseUnknown(given: object, known: readonly string[], of: string): void {
  for (const key of Object.keys(given)) {
    if (known.includes(key)) continue
    const meant = known.find((name) => name.toLowerCase() === key.toLowerCase())
    const advice = meant === undefined ? `Known are: ${known.join(', ')}.` : `Did you mean ${meant}?`
    throw new TempFileError(
      'ERR_TEMP_OPTION_INVALID',
      `${JSON.stringify(key.slice(0, 40))} is not an option of ${of}. ${advice}`,
    )
  }
}
