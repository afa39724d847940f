// Structured fields (RFC 9651), as far as the fields of uploads need them: Items and Dictionaries. Guarantee: a value is read
// to its end or not at all, in time linear in its length, whatever a stranger sends.

/** An Integer, a Boolean or a Byte Sequence; undefined for a value of any other type. */
export type BareItem = number | boolean | Buffer | undefined

/** An Item without its parameters; undefined where the field is missing or not an Item of a known type. */
export function itemField(value: string | undefined): BareItem {
  const reader = new Reader(value)
  const item = reader.item()
  return item !== undefined && reader.atEnd() ? item.value : undefined
}

/** The members of a Dictionary, the last of each key; undefined where the field is missing or not a Dictionary. */
export function dictionaryField(
  value: string | readonly string[] | undefined,
): ReadonlyMap<string, BareItem> | undefined {
  if (value === undefined) return undefined
  const reader = new Reader([value].flat().join(', '))
  const members = new Map<string, BareItem>()
  if (reader.atEnd()) return members
  do {
    const key = reader.take(KEY)
    const member = key === undefined ? undefined : reader.member()
    if (key === undefined || member === undefined) return undefined
    members.set(key, member.value)
  } while (reader.take(COMMA) !== undefined)
  return reader.atEnd() ? members : undefined
}

const KEY = /[a-z*][a-z0-9_.*-]*/y
const COMMA = /[ \t]*,[ \t]*/y
const END = /[ \t]*$/y
const SPACES = / */y
const INTEGER = /-?\d{1,15}(?![\d.])/y
const BYTES = /:[A-Za-z0-9+/=]*:/y
const BOOLEAN = /\?[01]/y
/** Decimal, String, Token, Date and Display String. */
const OTHER = new RegExp(
  [
    String.raw`-?\d{1,12}\.\d{1,3}`,
    String.raw`"(?:[\x20\x21\x23-\x5b\x5d-\x7e]|\\["\\])*"`,
    "[A-Za-z*][!#$%&'*+.^_`|~:/0-9A-Za-z-]*",
    String.raw`@-?\d{1,15}`,
    String.raw`%"(?:[\x20\x21\x23\x24\x26-\x7e]|%[0-9a-f]{2})*"`,
  ].join('|'),
  'y',
)

/** A value that was read, of whatever type. */
interface Read {
  readonly value: BareItem
}

/** Reads a value from left to right; undefined from a method: something else is there. */
class Reader {
  readonly #text: string
  #at = 0

  constructor(text: string | undefined) {
    this.#text = text ?? ''
    this.take(SPACES)
  }

  take(pattern: RegExp): string | undefined {
    pattern.lastIndex = this.#at
    const found = pattern.exec(this.#text)?.[0]
    if (found !== undefined) this.#at += found.length
    return found
  }

  atEnd(): boolean {
    return this.take(END) !== undefined
  }

  /** Reads the part after a key: a value, or nothing, which means `true`. */
  member(): Read | undefined {
    if (this.take(/=/y) === undefined) return this.#parameters({ value: true })
    return this.take(/\(/y) === undefined ? this.item() : this.#innerList()
  }

  item(): Read | undefined {
    const bare = this.#bare()
    return bare === undefined ? undefined : this.#parameters(bare)
  }

  #innerList(): Read | undefined {
    this.take(SPACES)
    while (this.take(/\)/y) === undefined) {
      if (this.item() === undefined) return undefined
      if (this.take(/ +|(?=\))/y) === undefined) return undefined
    }
    return this.#parameters({ value: undefined })
  }

  /** Skips the parameters of what was read. */
  #parameters(of: Read): Read | undefined {
    while (this.take(/; */y) !== undefined) {
      if (this.take(KEY) === undefined) return undefined
      if (this.take(/=/y) !== undefined && this.#bare() === undefined) return undefined
    }
    return of
  }

  #bare(): Read | undefined {
    const integer = this.take(INTEGER)
    if (integer !== undefined) return { value: Number(integer) }
    const bytes = this.take(BYTES)
    if (bytes !== undefined) return { value: Buffer.from(bytes.slice(1, -1), 'base64') }
    const boolean = this.take(BOOLEAN)
    if (boolean !== undefined) return { value: boolean === '?1' }
    return this.take(OTHER) === undefined ? undefined : { value: undefined }
  }
}
