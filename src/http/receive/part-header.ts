// Reads the header of a form's part: field name, file name, type. Guarantee: names arrive as the sender meant them
// (UTF-8, else latin1, and RFC 5987's filename*), and a header that two readers could interpret differently is refused.

import { forLog } from '../../input/names.ts'
import { formInvalid, formTooLarge } from './form-errors.ts'
import type { PartHeaders } from './multipart-parser.ts'

export interface PartHeader {
  /** As sent: `items[0][name]` stays so. */
  readonly fieldName: string
  /** Undefined for a text field; '' where a file input was left empty. */
  readonly fileName: string | undefined
  /** The declared media type in lower case, without parameters. */
  readonly type: string | undefined
  readonly charset: string | undefined
}

// RFC 9110 section 5.6.6, with the quoted pairs of RFC 7230; each alternative begins with another character,
// so matching is linear.
const PARAMETER = /\s*;\s*([\w!#$%&'*+.^`|~-]+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s;"]*))/gy
const EXTENDED = /^(utf-8|iso-8859-1)'[^']*'((?:%[0-9a-f]{2}|[\w!#$&+.^`|~-])*)$/i

/**
 * Reads a part's header; undefined for a part without Content-Disposition, or with an empty one, which peers skip.
 * @throws ERR_TEMP_FORM_INVALID, ERR_TEMP_TOO_LARGE (a field name over `maxFieldNameBytes`)
 */
export function readPartHeader(headers: PartHeaders, maxFieldNameBytes: number): PartHeader | undefined {
  const [disposition, ...more] = headers['content-disposition'] ?? []
  if (disposition === undefined || disposition === '') return undefined
  if (more.length > 0) {
    throw formInvalid('A part of the form has more than one Content-Disposition header. Send one.')
  }
  const { value, parameters } = parseHeaderValue(disposition)
  const name = parameters.get('name')
  if (value.toLowerCase() !== 'form-data' || name === undefined || name === '') {
    throw formInvalid(
      'A part of the form has no field name. Its Content-Disposition must be \'form-data; name="..."\'.',
    )
  }
  if (name.length > maxFieldNameBytes) {
    throw formTooLarge('a field name with more bytes', 'maxFieldNameBytes', maxFieldNameBytes)
  }
  const contentType = readHeaderValue(headers['content-type']?.[0] ?? '') // malformed: what can be read counts, as with peers
  const type = contentType.value.toLowerCase() || undefined
  return {
    fieldName: headerText(name),
    fileName: fileNameOf(parameters, type) ?? (parameters.has('filename*') ? 'file' : undefined), // not readable
    type,
    charset: contentType.parameters.get('charset'),
  }
}

/** The file name of a Content-Disposition header, if it has one. */
export function fileNameOfDisposition(disposition: string): string | undefined {
  return fileNameOf(parseHeaderValue(disposition).parameters, undefined)
}

/** The boundary that a multipart Content-Type names. @throws ERR_TEMP_FORM_INVALID */
export function boundaryOf(contentType: string | undefined): string {
  const { value, parameters } = parseHeaderValue(contentType ?? '')
  if (value.toLowerCase() !== 'multipart/form-data') {
    const sent = contentType === undefined ? 'no Content-Type' : `Content-Type '${forLog(value)}'`
    throw formInvalid(`The request has ${sent}. Send the form as multipart/form-data.`)
  }
  const boundary = parameters.get('boundary')
  if (boundary === undefined || boundary === '' || boundary.length > 200) {
    throw formInvalid(
      'The Content-Type names no usable boundary. Let the client library set this header itself.',
    )
  }
  return boundary
}

interface HeaderValue {
  /** Before the first ';'. */
  readonly value: string
  /** The first one of a name counts. */
  readonly parameters: ReadonlyMap<string, string>
}

/** @throws ERR_TEMP_FORM_INVALID for a header that cannot be read to its end */
function parseHeaderValue(text: string): HeaderValue {
  const { end, ...header } = readHeaderValue(text)
  if (/^[\s;]*$/.test(text.slice(end))) return header
  throw formInvalid(`A header of the request cannot be read: '${forLog(text)}'.`)
}

/** `end`: where the text ends that can be read. */
function readHeaderValue(text: string): HeaderValue & { readonly end: number } {
  const semicolon = text.indexOf(';')
  const value = (semicolon === -1 ? text : text.slice(0, semicolon)).trim()
  const parameters = new Map<string, string>()
  let end = semicolon === -1 ? text.length : semicolon
  PARAMETER.lastIndex = end
  for (let match = PARAMETER.exec(text); match !== null; match = PARAMETER.exec(text)) {
    const [, key = '', quoted, token = ''] = match
    const name = key.toLowerCase()
    // Only quotes and backslashes are ever escaped; 'C:\temp\a.txt' of old browsers contains no escapes.
    if (!parameters.has(name)) parameters.set(name, quoted?.replace(/\\(["\\])/g, '$1') ?? token)
    end = PARAMETER.lastIndex
  }
  return { value, parameters, end }
}

function fileNameOf(parameters: ReadonlyMap<string, string>, type: string | undefined): string | undefined {
  const extended = EXTENDED.exec(parameters.get('filename*') ?? '')
  if (extended !== null) {
    const [, charset = '', encoded = ''] = extended
    const bytes = Buffer.from(
      encoded.replace(/%([0-9a-f]{2})/gi, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16))),
      'latin1',
    )
    return bytes.toString(charset.toLowerCase() === 'utf-8' ? 'utf8' : 'latin1')
  }
  const plain = parameters.get('filename')
  if (plain !== undefined) return headerText(plain)
  return type === 'application/octet-stream' ? 'file' : undefined // bytes, with or without a file name
}

const strictUtf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/** Header bytes were read as latin1. Browsers, curl and fetch send UTF-8; some old clients send latin1. */
export function headerText(latin1: string): string {
  try {
    return strictUtf8.decode(Buffer.from(latin1, 'latin1'))
  } catch {
    return latin1
  }
}
