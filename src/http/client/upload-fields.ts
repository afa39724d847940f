// Upload-Offset, Upload-Complete and Upload-Limit (section 4.1 of the draft for resumable uploads): an Integer, a Boolean and
// a Dictionary of RFC 9651. Guarantee: a field of another type is ignored as a whole; so is an Upload-Limit where a known
// key has a value other than an Integer.

import { dictionaryField, itemField } from '../structured-fields.ts'

/** The iteration of the draft that this code speaks (draft-ietf-httpbis-resumable-upload, 2026-07). */
export const INTEROP_VERSION = '8'

/** The keys of Upload-Limit. */
export const LIMIT_KEYS = ['max-size', 'min-size', 'max-append-size', 'min-append-size', 'max-age'] as const

/** The limits that a server announces in Upload-Limit; bytes and seconds. */
export type UploadLimits = { readonly [Key in (typeof LIMIT_KEYS)[number]]?: number | undefined }

/** A non-negative Integer item; undefined for any other value. */
export function integerField(value: string | undefined): number | undefined {
  const item = itemField(value)
  return typeof item === 'number' && item >= 0 ? item : undefined
}

/** A Boolean item; undefined for any other value. */
export function booleanField(value: string | undefined): boolean | undefined {
  const item = itemField(value)
  return typeof item === 'boolean' ? item : undefined
}

/** The limits that are known; none of a field that must be ignored. */
export function uploadLimits(value: string | readonly string[] | undefined): UploadLimits {
  const members = dictionaryField(value)
  const limits: Record<string, number> = {}
  for (const key of LIMIT_KEYS) {
    if (members?.has(key) !== true) continue
    const limit = members.get(key)
    if (typeof limit !== 'number' || limit < 0) return {}
    limits[key] = limit
  }
  return limits
}
