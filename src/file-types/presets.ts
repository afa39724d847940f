// Rules for common kinds of files. Guarantee: each preset passes the check of file-rules.ts.

import type { FileRules } from '../types.ts'

/** The presets of {@link fileRules}. */
export interface FileRulePresets {
  /** .mp4 .mov .avi .mkv .webm, 1 KB to 500 MB. */
  readonly video: FileRules
  /** .jpg .jpeg .png .gif .webp .avif .heic .heif, at most 50 MB. No .svg: it can carry scripts. */
  readonly image: FileRules
  /** .pdf, at most 100 MB. */
  readonly pdf: FileRules
  /** .mp3 .m4a .aac .wav .flac .ogg .opus, at most 200 MB. */
  readonly audio: FileRules
  /** .csv, at most 100 MB. CSV has no signature: it passes by its extension, and must not contain zero bytes. */
  readonly csv: FileRules
  /** .docx .xlsx .pptx .odt .ods .odp, at most 100 MB. None that can carry macros, and no .doc, .xls, .ppt. */
  readonly office: FileRules
}

/** Rules for common kinds of files, frozen. Spread one to change it: `{ ...fileRules.video, maxBytes: '2gb' }`. */
export const fileRules: FileRulePresets = frozen({
  video: { extensions: ['.mp4', '.mov', '.avi', '.mkv', '.webm'], minBytes: '1kb', maxBytes: '500mb' },
  image: {
    extensions: ['.jpg', '.jpeg', '.png', '.gif', '.webp', '.avif', '.heic', '.heif'],
    minBytes: 1,
    maxBytes: '50mb',
  },
  pdf: { extensions: ['.pdf'], minBytes: 1, maxBytes: '100mb' },
  audio: {
    extensions: ['.mp3', '.m4a', '.aac', '.wav', '.flac', '.ogg', '.opus'],
    minBytes: 1,
    maxBytes: '200mb',
  },
  csv: { extensions: ['.csv'], types: ['text/csv'], minBytes: 1, maxBytes: '100mb' },
  office: {
    extensions: ['.docx', '.xlsx', '.pptx', '.odt', '.ods', '.odp'],
    minBytes: 1,
    maxBytes: '100mb',
  },
})

/** A change would be one for the whole process. */
function frozen(presets: FileRulePresets): FileRulePresets {
  for (const rules of Object.values(presets) as FileRules[]) {
    Object.freeze(rules.extensions)
    Object.freeze(rules.types)
    Object.freeze(rules)
  }
  return Object.freeze(presets)
}
