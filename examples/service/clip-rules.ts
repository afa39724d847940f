// The rules of this service for a file, stated once for every route and framework: one video, checked while it arrives.
// CLIP_MAX_BYTES ('500mb', or a number of bytes) sets its size limit.

import bytes from 'bytes'
import { fileRules } from 'temp-file-manager'
import type { FormOptions } from 'temp-file-manager/http'

const given = process.env['CLIP_MAX_BYTES'] ?? '500mb'
if (!/^\d+(?:\.\d+)?(?:kb|mb|gb)?$/i.test(given)) throw new Error("CLIP_MAX_BYTES must be like '500mb'.")
export const clipLimit = bytes.parse(given) ?? 0

export const clipForm: FormOptions = {
  fields: { clip: { accept: { ...fileRules.video, maxBytes: clipLimit }, maxFiles: 1, required: true } },
  hash: 'sha256',
}
