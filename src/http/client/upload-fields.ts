// Upload-Offset, Upload-Complete and Upload-Limit (section 4.1 of the draft for resumable uploads): an Integer, a Boolean and
// a Dictionary of RFC 9651. Guarantee: a field of another type is ignored as a whole; so is an Upload-Limit where a known
// key has a value other than an Integer.

/** Bytes and seconds. */
export interface UploadLimits {
  readonly 'max-size'?: number
  readonly 'min-size'?: number
  readonly 'max-append-size'?: number
  readonly 'min-append-size'?: number
  readonly 'max-age'?: number
}

const KNOWN = new Set(['max-size', 'min-size', 'max-append-size', 'min-append-size', 'max-age'])
const KEY = '[a-z*][a-z0-9_.*-]*'
const NUMBER = String.raw`-?\d{1,15}(?:\.\d{1,3})?`
const STRING = String.raw`"(?:[\x20\x21\x23-\x5b\x5d-\x7e]|\\["\\])*"`
const TOKEN = "[A-Za-z*][!#$%&'*+.^_`|~:/0-9A-Za-z-]*"
const BARE = `(?:${NUMBER}|${STRING}|${TOKEN}|:[A-Za-z0-9+/=]*:|\\?[01])`
const PARAMETERS = `(?:; *${KEY}(?:=${BARE})?)*`
const LIST = `\\( *(?:${BARE}${PARAMETERS} *)*\\)`
const MEMBER = new RegExp(`(${KEY})(?:=(${BARE}|${LIST}))?${PARAMETERS}[ \\t]*(,[ \\t]*|$)`, 'y')

/** A non-negative Integer item; undefined for any other value. */
export function integerField(value: string | undefined): number | undefined {
  const match = /^ *(\d{1,15}) *(?:;.*)?$/.exec(value ?? '')
  return match === null ? undefined : Number(match[1])
}

/** A Boolean item; undefined for any other value. */
export function booleanField(value: string | undefined): boolean | undefined {
  const match = /^ *\?([01]) *(?:;.*)?$/.exec(value ?? '')
  return match === null ? undefined : match[1] === '1'
}

/** The limits that are known; none of a field that must be ignored. */
export function uploadLimits(value: string | readonly string[] | undefined): UploadLimits {
  const text = [value ?? []].flat().join(', ').trim()
  const limits: Record<string, number> = {}
  MEMBER.lastIndex = 0
  while (MEMBER.lastIndex < text.length) {
    const member = MEMBER.exec(text)
    if (member === null) return {}
    const [, key = '', bare, separator] = member
    if (separator !== '' && MEMBER.lastIndex === text.length) return {} // a comma at the end
    if (!KNOWN.has(key)) continue
    if (bare === undefined || !/^\d+$/.test(bare)) return {}
    limits[key] = Number(bare)
  }
  return limits
}
