// What the header of a form's part says: field name, file name, type. Promise: names arrive as the sender
// meant them (UTF-8, and RFC 5987's filename*), and a header that two readers could take differently is refused.

import { forLog } from '../../input/names.ts'
import { formInvalid } from './form-rules.ts'

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

/** Reads a part's header, given as lists of raw (latin1) values. @throws ERR_TEMP_FORM_INVALID */
export function readPartHeader(header: Readonly<Record<string, readonly string[] | undefined>>): PartHeader {
  const [disposition, ...more] = header['content-disposition'] ?? []
  if (disposition === undefined || more.length > 0) {
    throw formInvalid(
      'A part of the form has not exactly one Content-Disposition header. Send a form as browsers do.',
    )
  }
  const { value, parameters } = parseHeaderValue(disposition)
  const name = parameters.get('name')
  if (value.toLowerCase() !== 'form-data' || name === undefined) {
    throw formInvalid(
      'A part of the form has no field name. Its Content-Disposition must be \'form-data; name="..."\'.',
    )
  }
  const contentType = parseHeaderValue(header['content-type']?.[0] ?? '')
  const type = contentType.value.toLowerCase() || undefined
  return {
    fieldName: utf8(name),
    fileName: fileNameOf(parameters, type),
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

/** A header's value before the first ';', and its parameters, first one of a name counting. */
function parseHeaderValue(text: string): { value: string; parameters: Map<string, string> } {
  const semicolon = text.indexOf(';')
  const value = (semicolon === -1 ? text : text.slice(0, semicolon)).trim()
  const parameters = new Map<string, string>()
  let end = semicolon === -1 ? text.length : semicolon
  PARAMETER.lastIndex = end
  for (let match = PARAMETER.exec(text); match !== null; match = PARAMETER.exec(text)) {
    const [, key = '', quoted, token = ''] = match
    const name = key.toLowerCase()
    // Only quotes and backslashes are ever escaped; 'C:\temp\a.txt' of old browsers is meant as it stands.
    if (!parameters.has(name)) parameters.set(name, quoted?.replace(/\\(["\\])/g, '$1') ?? token)
    end = PARAMETER.lastIndex
  }
  if (!/^[\s;]*$/.test(text.slice(end))) {
    throw formInvalid(`A header of the request cannot be read: '${forLog(text)}'.`)
  }
  return { value, parameters }
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
  if (plain !== undefined) return utf8(plain)
  return type === 'application/octet-stream' ? 'file' : undefined // bytes, whatever they are called
}

/** Header bytes were read as latin1; browsers, curl and fetch send UTF-8. */
function utf8(latin1: string): string {
  return Buffer.from(latin1, 'latin1').toString('utf8')
}
