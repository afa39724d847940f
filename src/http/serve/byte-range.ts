// Decides what part of a file a Range header asks for (RFC 9110 section 14). Guarantee: a header that is malformed,
// of another unit, or of several satisfiable ranges is ignored, which the RFC allows: the client gets the whole file.

import type { ByteRange } from '../../types.ts'

const BYTES_UNIT = /^\s*bytes\s*=/i
const RANGE_SPEC = /^(?:(\d+)-(\d*)|-(\d+))$/

/** The one range to send, 'unsatisfiable' (416), or undefined: send the whole file. */
export function rangeOf(header: string, size: number): ByteRange | 'unsatisfiable' | undefined {
  if (!BYTES_UNIT.test(header)) return undefined
  const specs = header
    .slice(header.indexOf('=') + 1)
    .split(',')
    .map((spec) => spec.trim())
    .filter((spec) => spec !== '') // section 5.6.1: a recipient accepts empty list elements
  const ranges = specs.map((spec) => parseSpec(spec, size))
  if (ranges.length === 0 || ranges.includes('invalid')) return undefined
  const satisfiable = ranges.filter((range) => typeof range === 'object')
  const [only] = satisfiable
  if (only === undefined) return 'unsatisfiable'
  // An empty range is the suffix of an empty file: no Content-Range can name it.
  return satisfiable.length > 1 || only.start === only.end ? undefined : only
}

function parseSpec(spec: string, size: number): ByteRange | 'unsatisfiable' | 'invalid' {
  const match = RANGE_SPEC.exec(spec)
  if (match === null) return 'invalid'
  const [, first, last, suffix] = match
  if (first === undefined) {
    const length = Number(suffix)
    return length === 0 ? 'unsatisfiable' : { start: Math.max(0, size - length), end: size }
  }
  const start = Number(first)
  const end = last === undefined || last === '' ? Number.POSITIVE_INFINITY : Number(last) + 1
  if (end <= start) return 'invalid'
  return start >= size ? 'unsatisfiable' : { start, end: Math.min(end, size) }
}
