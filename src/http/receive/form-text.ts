// The text fields of a form. Guarantee: no more bytes are held than the limits allow, however small the chunks are in which
// they arrive, and bytes that are not text in the declared charset become replacement characters, not an error.

import { forLog } from '../../input/names.ts'
import { formInvalid, formTooLarge } from './form-errors.ts'
import type { PreparedForm } from './form-options.ts'
import type { PartHeader } from './part-header.ts'
import type { PartSink } from './part-stream.ts'

type Limits = Pick<PreparedForm, 'maxFields' | 'maxFieldBytes' | 'maxTextBytes' | 'decodeJsonParts'>

export class FormText {
  /** By name; without a prototype. */
  readonly fields: Record<string, unknown> = Object.create(null)
  readonly #limits: Limits
  readonly #repeated = new Set<string>()
  #count = 0
  #bytes = 0

  constructor(limits: Limits) {
    this.#limits = limits
  }

  /** Collects one field. @throws ERR_TEMP_TOO_LARGE */
  field({ fieldName, type, charset }: PartHeader): PartSink {
    const { maxFields, decodeJsonParts } = this.#limits
    this.#count += 1
    if (this.#count > maxFields) throw formTooLarge('more text fields', 'maxFields', maxFields, fieldName)
    const gathered = new GatheredBytes()
    const count = this.#counter(fieldName)
    return {
      write(bytes) {
        count(bytes.length)
        gathered.add(bytes)
        return undefined
      },
      end: () => {
        const text = decode(gathered.bytes, charset)
        this.#add(fieldName, decodeJsonParts && type === 'application/json' ? json(text, fieldName) : text)
        return undefined
      },
    }
  }

  /** Reads a part that is not a field, within the limits of text. @throws ERR_TEMP_TOO_LARGE */
  ignored(): PartSink {
    const count = this.#counter(undefined)
    return {
      write(bytes) {
        count(bytes.length)
        return undefined
      },
      end: () => undefined,
    }
  }

  #counter(field: string | undefined): (more: number) => void {
    const { maxFieldBytes, maxTextBytes } = this.#limits
    let bytes = 0
    return (more) => {
      bytes += more
      this.#bytes += more
      if (bytes > maxFieldBytes)
        throw formTooLarge('a text field with more bytes', 'maxFieldBytes', maxFieldBytes, field)
      if (this.#bytes > maxTextBytes)
        throw formTooLarge('more bytes of text', 'maxTextBytes', maxTextBytes, field)
    }
  }

  #add(name: string, value: unknown): void {
    const before = this.fields[name]
    if (!(name in this.fields)) this.fields[name] = value
    else if (this.#repeated.has(name) && Array.isArray(before)) before.push(value)
    else {
      this.#repeated.add(name)
      this.fields[name] = [before, value]
    }
  }
}

/**
 * Chunks, copied into one buffer that doubles when it is full. Of 4 MB of text in chunks of one byte an object for each chunk
 * needs a heap of 156 MB, this one of 17 MB.
 */
class GatheredBytes {
  #buffer = Buffer.alloc(0)
  #length = 0

  get bytes(): Uint8Array {
    return this.#buffer.subarray(0, this.#length)
  }

  add(chunk: Uint8Array): void {
    const length = this.#length + chunk.length
    if (length > this.#buffer.length) {
      const larger = Buffer.allocUnsafe(Math.max(length, 2 * this.#buffer.length))
      larger.set(this.bytes)
      this.#buffer = larger
    }
    this.#buffer.set(chunk, this.#length)
    this.#length = length
  }
}

/** U+FEFF at the beginning is a character of the text, as for busboy and the Fetch API. */
function decode(bytes: Uint8Array, charset = 'utf-8'): string {
  try {
    return new TextDecoder(charset, { ignoreBOM: true }).decode(bytes)
  } catch {
    return decode(bytes) // an unknown charset
  }
}

function json(text: string, field: string): unknown {
  try {
    return JSON.parse(text.replace(/^\uFEFF/, '')) // RFC 8259, section 8.1
  } catch (cause) {
    throw formInvalid(
      `The field '${forLog(field)}' is declared as JSON and cannot be parsed.`,
      { field },
      cause,
    )
  }
}
