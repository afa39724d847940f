// The header fields of the draft and of RFC 9530, read and written as structured fields (RFC 9651). Guarantee: a value that
// is not of the field's type is ignored as a whole, as the draft asks (section 4.1).

import { LIMIT_KEYS, type UploadLimits } from '../http/client/upload-fields.ts'
import { dictionaryField } from '../http/structured-fields.ts'
import type { Digest } from '../index.ts'

export { booleanField, INTEROP_VERSION, integerField } from '../http/client/upload-fields.ts'

/** Writes Upload-Limit; `min-size=0` when there is no limit (section 4.1.4). */
export function limitField(limits: UploadLimits): string {
  const members = LIMIT_KEYS.filter((key) => limits[key] !== undefined).map((key) => `${key}=${limits[key]}`)
  return members.length === 0 ? 'min-size=0' : members.join(', ')
}

/** Algorithms of RFC 9530 that are not deprecated: their names in node:crypto, and the bytes of a digest. */
const ALGORITHMS: Readonly<Record<string, { readonly algorithm: string; readonly bytes: number }>> = {
  'sha-256': { algorithm: 'sha256', bytes: 32 },
  'sha-512': { algorithm: 'sha512', bytes: 64 },
}

/** Digests of Content-Digest or Repr-Digest that can be checked here; others are ignored. */
export function digestField(value: string | undefined): Digest[] {
  return digestsIn(value).flatMap(({ name, digest }) => {
    const algorithm = ALGORITHMS[name]?.algorithm
    return algorithm === undefined ? [] : [{ algorithm, value: digest.toString('hex') }]
  })
}

/** The first algorithm of Content-Digest or Repr-Digest whose digest does not have its length, and that length in bytes. */
export function malformedDigest(value: string | undefined): { name: string; bytes: number } | undefined {
  for (const { name, digest } of digestsIn(value)) {
    const bytes = ALGORITHMS[name]?.bytes
    if (bytes !== undefined && digest.length !== bytes) return { name, bytes }
  }
  return undefined
}

/** The members of a dictionary of Byte Sequences; none where another value is among them. */
function digestsIn(value: string | undefined): { name: string; digest: Buffer }[] {
  const digests: { name: string; digest: Buffer }[] = []
  for (const [name, item] of dictionaryField(value) ?? []) {
    if (!(item instanceof Buffer)) return []
    digests.push({ name, digest: item })
  }
  return digests
}

/** The algorithm that Want-Repr-Digest prefers, in node:crypto's name: the first one of the largest weight, from 1 to 10. */
export function wantedDigest(value: string | undefined): string | undefined {
  let best: { algorithm: string; weight: number } | undefined
  for (const [name, weight] of dictionaryField(value) ?? []) {
    if (typeof weight !== 'number' || weight < 0 || weight > 10) return undefined
    const algorithm = ALGORITHMS[name]?.algorithm
    if (algorithm !== undefined && weight > (best?.weight ?? 0)) best = { algorithm, weight }
  }
  return best?.algorithm
}

/** Writes Repr-Digest of hex digests by node:crypto's names; undefined when none has a name in RFC 9530. */
export function reprDigest(digests: Readonly<Record<string, string>>): string | undefined {
  const members = Object.entries(ALGORITHMS).flatMap(([name, { algorithm }]) => {
    const hex = digests[algorithm]
    return hex === undefined ? [] : [`${name}=:${Buffer.from(hex, 'hex').toString('base64')}:`]
  })
  return members.length === 0 ? undefined : members.join(', ')
}
