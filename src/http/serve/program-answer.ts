// The part of an answer that a program's options and callbacks give. Guarantee: what passes these checks can be sent over
// HTTP/1.1, HTTP/2 and as a Response of the Fetch API.

import { validateHeaderName, validateHeaderValue } from 'node:http'
import { TempFileError } from '../../errors.ts'

/** Statuses whose answers have no content (RFC 9110 section 6.4.1 and 15.3.6). */
const WITHOUT_CONTENT: readonly number[] = [204, 205, 304]

export function hasContent(status: number): boolean {
  return !WITHOUT_CONTENT.includes(status)
}

/** Refuses what is not the status of a final answer. @throws ERR_TEMP_OPTION_INVALID */
export function checkStatus(status: number): void {
  if (Number.isInteger(status) && status >= 200 && status <= 599) return
  throw new TempFileError(
    'ERR_TEMP_OPTION_INVALID',
    'The status of an answer must be a whole number from 200 to 599.',
  )
}

/** Headers of a connection, not of an answer (RFC 9113 section 8.2.2): for one of them node:http2 breaks the stream off. */
const OF_CONNECTION: readonly string[] = [
  'connection',
  'http2-settings',
  'keep-alive',
  'proxy-connection',
  'te',
  'transfer-encoding',
  'upgrade',
]

/** @throws ERR_TEMP_OPTION_INVALID */
export function checkHeaders(headers: Readonly<Record<string, string | number>>): void {
  for (const [name, value] of Object.entries(headers)) {
    if (OF_CONNECTION.includes(name.toLowerCase())) {
      throw new TempFileError(
        'ERR_TEMP_OPTION_INVALID',
        `The response header ${JSON.stringify(name)} belongs to the connection, and HTTP/2 forbids it. Leave it out.`,
      )
    }
    try {
      validateHeaderName(name)
      validateHeaderValue(name, typeof value === 'number' ? String(value) : value)
    } catch (cause) {
      throw new TempFileError(
        'ERR_TEMP_OPTION_INVALID',
        `The response header ${JSON.stringify(name)} has a name or a value that HTTP does not allow. Encode it, for example with encodeURIComponent.`,
        { cause },
      )
    }
  }
}

/** The program's headers take precedence, in upper or lower case. Headers of the content are sent only with the content. */
export function mergedHeaders(
  ready: Readonly<Record<string, string>>,
  program: Readonly<Record<string, string>>,
  sendsContent = true,
): Readonly<Record<string, string>> {
  const added = Object.entries(program).filter(([name]) => sendsContent || !/^content-/i.test(name))
  const replaced = new Set(added.map(([name]) => name.toLowerCase()))
  const kept = Object.entries(ready).filter(([name]) => !replaced.has(name.toLowerCase()))
  return Object.fromEntries([...kept, ...added])
}
