// Cuts a multipart body (RFC 2046 section 5.1, RFC 7578) into parts, as fast as the caller takes them.
// Guarantee: the result does not depend on where chunks are cut; what is buffered is a delimiter or a header, never
// content; between two events the caller may wait as long as it likes, because the parser only runs when asked.
//
// Dicer and busboy are not used because they push parts into streams of their own and need those streams' 'end' to report
// the end of the form. A part that ended under backpressure in the chunk of the closing delimiter never did.

import { formInvalid } from './form-errors.ts'

/** Header lines by lower-case name, values as latin1. */
export type PartHeaders = Readonly<Record<string, readonly string[] | undefined>>

export type MultipartEvent =
  | { readonly kind: 'part'; readonly headers: PartHeaders }
  | { readonly kind: 'data'; readonly bytes: Uint8Array }
  | { readonly kind: 'end' }

const MAX_HEADER_BYTES = 16 * 1024
/** Spaces that may follow a boundary on its line. */
const MAX_PADDING_BYTES = 256
const CRLF = '\r\n'
const HEADER_END = '\r\n\r\n'
const CR = 0x0d
const NOTHING = Buffer.alloc(0)

export class MultipartParser {
  readonly #delimiter: Buffer
  readonly #maxHeaderPairs: number
  #state: 'preamble' | 'delimiter' | 'header' | 'content' | 'epilogue' = 'preamble'
  /** Bytes that cannot be interpreted before more come. At first the CRLF that a body's first delimiter lacks. */
  #rest: Buffer = Buffer.from(CRLF)
  /** Content begins after this many bytes, unless a delimiter begins before it. */
  #skip = 0

  constructor(boundary: string, maxHeaderPairs: number) {
    this.#delimiter = Buffer.from(`\r\n--${boundary}`, 'latin1')
    this.#maxHeaderPairs = maxHeaderPairs
  }

  /** Whether a delimiter has come. */
  get started(): boolean {
    return this.#state !== 'preamble'
  }

  /** Whether the closing delimiter has come; everything after it is ignored. */
  get finished(): boolean {
    return this.#state === 'epilogue'
  }

  /** Takes the next chunk. Iterate to the end before the next call. @throws ERR_TEMP_FORM_INVALID */
  *parse(chunk: Uint8Array): Generator<MultipartEvent, void> {
    let data = this.#withRest(chunk)
    while (data.length > 0 && !this.finished) {
      const following: Buffer | undefined = yield* this.#step(data)
      if (following === undefined) {
        this.#rest = Buffer.from(data) // a copy: the chunk's owner may reuse it
        return
      }
      data = following
    }
  }

  /** Reads one element and returns what follows it; undefined when it needs more bytes. */
  *#step(data: Buffer): Generator<MultipartEvent, Buffer | undefined> {
    switch (this.#state) {
      case 'delimiter':
        return this.#afterDelimiter(data)
      case 'header':
        return yield* this.#header(data)
      default:
        return yield* this.#content(data)
    }
  }

  #withRest(chunk: Uint8Array): Buffer {
    const rest = this.#rest
    this.#rest = NOTHING
    if (rest.length > 0) return Buffer.concat([rest, chunk])
    return Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength)
  }

  *#content(data: Buffer): Generator<MultipartEvent, Buffer | undefined> {
    const inPart = this.#state === 'content'
    const found = data.indexOf(this.#delimiter)
    const end = found === -1 ? data.length - this.#partialDelimiter(data) : found
    if (inPart && end > this.#skip) yield { kind: 'data', bytes: data.subarray(this.#skip, end) }
    if (found === -1) {
      if (end === 0) return undefined
      this.#skip = 0
      return data.subarray(end)
    }
    if (inPart) yield { kind: 'end' }
    this.#state = 'delimiter'
    return data.subarray(found + this.#delimiter.length)
  }

  /** How many bytes at the end of `data` may be the beginning of a delimiter. */
  #partialDelimiter(data: Buffer): number {
    const from = Math.max(0, data.length - this.#delimiter.length + 1)
    for (let start = data.indexOf(CR, from); start !== -1; start = data.indexOf(CR, start + 1)) {
      const length = data.length - start
      if (data.compare(this.#delimiter, 0, length, start) === 0) return length
    }
    return 0
  }

  /** Reads the rest of a delimiter's line: `--`, or padding and a CRLF, which stays in front of the header. */
  #afterDelimiter(data: Buffer): Buffer | undefined {
    const line = data.toString('latin1', 0, MAX_PADDING_BYTES)
    if (line.startsWith('--')) {
      this.#state = 'epilogue'
      return NOTHING
    }
    const ending = line.replace(/^[ \t]+/, '').slice(0, CRLF.length)
    if (ending === CRLF) {
      this.#state = 'header'
      return data.subarray(line.indexOf(CRLF))
    }
    if (line === '-' || (CRLF.startsWith(ending) && line.length < MAX_PADDING_BYTES)) return undefined
    throw formInvalid('A boundary of the form is followed by other characters on its line.')
  }

  /** Reads a header and the empty line that ends it. */
  *#header(data: Buffer): Generator<MultipartEvent, Buffer | undefined> {
    if (data.subarray(0, this.#delimiter.length).equals(this.#delimiter)) {
      yield { kind: 'part', headers: Object.create(null) } // a delimiter at once: no header, no content
      this.#state = 'content'
      this.#skip = 0
      return data
    }
    const end = data.indexOf(HEADER_END)
    const length = end === -1 ? data.length : end
    if (length > MAX_HEADER_BYTES) {
      throw formInvalid(`A part of the form has more than ${MAX_HEADER_BYTES} bytes of header.`)
    }
    if (data.subarray(0, length).includes(this.#delimiter)) {
      throw formInvalid('A part of the form has no complete header.')
    }
    if (end === -1) return undefined
    yield { kind: 'part', headers: this.#parseHeader(data.toString('latin1', CRLF.length, end)) }
    this.#state = 'content'
    this.#skip = CRLF.length // the CRLF of the empty line is also that of a delimiter that follows at once
    return data.subarray(end + CRLF.length)
  }

  #parseHeader(text: string): PartHeaders {
    const headers: Record<string, string[]> = Object.create(null)
    const lines = text.replace(/\r\n(?=[ \t])/g, '').split(CRLF) // unfolded
    if (text === '') return headers
    if (lines.length > this.#maxHeaderPairs) {
      throw formInvalid(
        `A part of the form has more than ${this.#maxHeaderPairs} header lines, the most allowed here.`,
        { option: 'maxHeaderPairs', limit: this.#maxHeaderPairs },
      )
    }
    for (const line of lines) {
      const colon = line.indexOf(':')
      const name = line.slice(0, Math.max(0, colon)).trimEnd().toLowerCase()
      if (!/^[\w!#$%&'*+.^`|~-]+$/.test(name) || /[\r\n\0]/.test(line)) {
        throw formInvalid('A part of the form has a header line that cannot be read.')
      }
      const values = headers[name] ?? []
      headers[name] = values
      values.push(line.slice(colon + 1).trim())
    }
    return headers
  }
}
