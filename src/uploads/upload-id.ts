// An upload's id on disk.

import { createHash } from 'node:crypto'
import { isUploadId } from '../layout.ts'

/** The id on disk of an id of the user's protocol: the same one always gives the same. */
export function uploadIdOf(id: string): string {
  if (isUploadId(id)) return id
  const alphabet = '0123456789abcdefghjkmnpqrstvwxyz'
  const bytes = createHash('sha256').update(id).digest().subarray(0, 26)
  return `u${[...bytes].map((byte) => alphabet[byte & 31]).join('')}`
}
