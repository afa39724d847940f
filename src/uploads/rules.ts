// What may be uploaded, checked once. A server gives its rules with each request: functions cannot be kept on disk.

import { checkFileRules, type PreparedRules as FileRulesPrepared } from '../file-types/file-rules.ts'
import { toBytes } from '../input/units.ts'
import type { UploadRules } from './types.ts'

export interface PreparedRules {
  readonly file: FileRulesPrepared | undefined
  readonly minBytes: number
  readonly maxBytes: number
}

/** @throws ERR_TEMP_OPTION_INVALID */
export function prepareRules({ accept, maxBytes }: UploadRules): PreparedRules {
  const file = accept === undefined ? undefined : checkFileRules(accept)
  const most = maxBytes === undefined ? Number.POSITIVE_INFINITY : toBytes(maxBytes, 'maxBytes')
  return {
    file,
    minBytes: file?.minBytes ?? 0,
    maxBytes: Math.min(most, file?.maxBytes ?? Number.POSITIVE_INFINITY),
  }
}
