// The text fields of a form. Guarantee: no more bytes are held than the limits allow, and bytes that are not text in
// the declared charset become replacement characters, not an error.

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
    const chunks: Uint8Array[] = []
    const count = this.#counter(fieldName)
    return {
      write(bytes) {
        count(bytes.length)
        chunks.push(Buffer.from(bytes)) // a copy: a small field must not keep its whole chunk in memory
        return undefined
      },
      end: () => {
        const text = decode(Buffer.concat(chunks), charset)
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

function decode(bytes: Uint8Array, charset: string | undefined): string {
  try {
    return new TextDecoder(charset ?? 'utf-8').decode(bytes)
  } catch {
    return new TextDecoder().decode(bytes) // an unknown charset
  }
}

function json(text: string, field: string): unknown {
  try {
    return JSON.parse(text)
  } catch (cause) {
    throw formInvalid(`The field '${field}' is declared as JSON and cannot be parsed.`, { field }, cause)
  }
}
