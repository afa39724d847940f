// What this service accepts, said once for every route and framework: one video, checked while it arrives.

import { fileRules } from 'temp-file-manager'
import type { FormOptions } from 'temp-file-manager/http'

export const clipForm: FormOptions = {
  fields: { clip: { accept: fileRules.video, maxFiles: 1, required: true } },
  hash: 'sha256',
}
