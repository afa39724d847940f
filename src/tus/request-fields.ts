// The header fields of tus that @tus/server has no place for. Guarantee: a value that is not of the field's form is
// answered with 400.

import type { Digest } from '../claimable/upload-record.ts'

/** Algorithms of Upload-Checksum, and the bytes of their digests. */
const ALGORITHMS: Readonly<Record<string, number>> = { sha1: 20, md5: 16, sha256: 32, sha512: 64 }

/** The value of Tus-Checksum-Algorithm. */
export const CHECKSUM_ALGORITHMS = Object.keys(ALGORITHMS).join(',')

const BASE64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/

/** Upload-Checksum: an algorithm and a digest in base64. */
export function checksumOf(value: string | null): Digest | undefined {
  if (value === null) return undefined
  const [algorithm = '', base64 = '', ...rest] = value.trim().split(/\s+/)
  const bytes = Object.hasOwn(ALGORITHMS, algorithm) ? ALGORITHMS[algorithm] : undefined
  if (bytes === undefined) throw invalid('Unsupported checksum algorithm')
  const digest = Buffer.from(base64, 'base64')
  if (rest.length > 0 || !BASE64.test(base64) || digest.length !== bytes)
    throw invalid(`Upload-Checksum must have a digest of ${bytes} bytes in base64`)
  return { algorithm, value: digest.toString('hex') }
}

/** The URLs of a final upload's parts, absolute. `base`: the request's own URL. */
export function partUrls(concat: string, base: string): URL[] {
  const urls = concat.slice('final;'.length).trim().split(/\s+/)
  return urls.map((url) => {
    const parsed = url !== '' && URL.canParse(url, base) ? new URL(url, base) : undefined
    if (parsed === undefined || parsed.username !== '' || parsed.password !== '') throw notAPart()
    return parsed
  })
}

/** The method that a client names because its environment cannot send it (tus 1.0, X-HTTP-Method-Override); undefined: the request's own. */
export function methodInstead(value: unknown): 'HEAD' | 'PATCH' | 'DELETE' | undefined {
  return value === 'HEAD' || value === 'PATCH' || value === 'DELETE' ? value : undefined
}

export function notAPart(): unknown {
  return invalid('Upload-Concat must have the URLs of partial uploads')
}

function invalid(why: string): unknown {
  return { status_code: 400, body: `${why}\n` }
}
