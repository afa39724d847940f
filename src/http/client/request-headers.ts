// The request headers that a program gives to a transfer. Guarantee: one that HTTP does not allow is the program's mistake,
// found before a connection is opened.

import { validateHeaderName, validateHeaderValue } from 'node:http'
import { optionError } from '../../errors.ts'

export type RequestHeaders = Readonly<Record<string, string>>

/** @throws ERR_TEMP_OPTION_INVALID */
export function checkRequestHeaders(headers: RequestHeaders): void {
  for (const [name, value] of Object.entries(headers)) {
    if (name.toLowerCase() === 'transfer-encoding') {
      // Beside Content-Length it makes the request ambiguous (RFC 9112 section 6.2).
      throw optionError('headers', 'The request header Transfer-Encoding is not for programs. Leave it out.')
    }
    try {
      validateHeaderName(name)
      validateHeaderValue(name, value)
    } catch {
      const option = name === 'content-type' ? 'type' : 'headers'
      throw optionError(
        option,
        `The request header ${JSON.stringify(name.slice(0, 40))} has a name or a value that HTTP does not allow. Encode it.`,
      )
    }
  }
}

/** Takes name and password out of an address, which fetch() refuses, as the header that node:http makes of them. */
export function withCredentials(
  address: URL,
  headers: RequestHeaders,
): { url: URL; headers: RequestHeaders } {
  if (address.username === '' && address.password === '') return { url: address, headers }
  const url = new URL(address)
  url.username = ''
  url.password = ''
  if (Object.keys(headers).some((name) => name.toLowerCase() === 'authorization')) return { url, headers }
  const pair = `${decodeURIComponent(address.username)}:${decodeURIComponent(address.password)}`
  return { url, headers: { ...headers, authorization: `Basic ${Buffer.from(pair).toString('base64')}` } }
}
