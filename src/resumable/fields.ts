// The header fields of the draft and of RFC 9530, read and written as structured fields (RFC 9651). Guarantee: a value that
// is not of the field's type is ignored as a whole, as the draft asks (section 4.1).

import type { Digest } from '../index.ts'

export { booleanField, integerField } from '../http/client/upload-fields.ts'

/** The iteration of the draft that this code speaks (draft-ietf-httpbis-resumable-upload, 2026-07). */
export const INTEROP_VERSION = '8'

/** What a server announces in Upload-Limit; bytes and seconds. */
export interface UploadLimits {
  readonly 'max-size'?: number | undefined
  readonly 'min-size'?: number | undefined
  readonly 'max-append-size'?: number | undefined
  readonly 'min-append-size'?: number | undefined
  readonly 'max-age'?: number | undefined
}

const LIMITS = ['max-size', 'min-size', 'max-append-size', 'min-append-size', 'max-age'] as const

/** Writes Upload-Limit; `min-size=0` when there is no limit (section 4.1.4). */
export function limitField(limits: UploadLimits): string {
  const members = LIMITS.filter((key) => limits[key] !== undefined).map((key) => `${key}=${limits[key]}`)
  return members.length === 0 ? 'min-size=0' : members.join(', ')
}

/** Algorithms of RFC 9530 that are not deprecated, and their names in node:crypto. */
const ALGORITHMS: Readonly<Record<string, string>> = { 'sha-256': 'sha256', 'sha-512': 'sha512' }

/** Digests of Content-Digest or Repr-Digest that can be checked here; others are ignored. */
export function digestField(value: string | undefined): Digest[] {
  const digests: Digest[] = []
  for (const [, name = '', base64 = ''] of (value ?? '').matchAll(
    /([a-z0-9-]+)\s*=\s*:([A-Za-z0-9+/=]*):/g,
  )) {
    const algorithm = ALGORITHMS[name]
    if (algorithm !== undefined)
      digests.push({ algorithm, value: Buffer.from(base64, 'base64').toString('hex') })
  }
  return digests
}

/** The algorithm that Want-Repr-Digest prefers, in node:crypto's name. */
export function wantedDigest(value: string | undefined): string | undefined {
  let best: { algorithm: string; weight: number } | undefined
  for (const [, name = '', digits = ''] of (value ?? '').matchAll(/([a-z0-9-]+)\s*=\s*(\d{1,2})/g)) {
    const algorithm = ALGORITHMS[name]
    const weight = Number(digits)
    if (algorithm !== undefined && weight > 0 && weight > (best?.weight ?? 0)) best = { algorithm, weight }
  }
  return best?.algorithm
}

/** Writes Repr-Digest of hex digests by node:crypto's names; undefined when none has a name in RFC 9530. */
export function reprDigest(digests: Readonly<Record<string, string>>): string | undefined {
  const members = Object.entries(ALGORITHMS).flatMap(([name, algorithm]) => {
    const hex = digests[algorithm]
    return hex === undefined ? [] : [`${name}=:${Buffer.from(hex, 'hex').toString('base64')}:`]
  })
  return members.length === 0 ? undefined : members.join(', ')
}
