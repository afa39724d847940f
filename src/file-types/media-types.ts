// Tables of media types: the types of an extension, the names of one type, the types that share a container.
// Guarantee: pure functions over constants; nothing is loaded and nothing is read.

/**
 * Names of one type, the first being the one that file-type answers. Browsers, curl's mime.types and old
 * registrations each have their own; see https://www.iana.org/assignments/media-types.
 */
const SAME: readonly (readonly string[])[] = [
  ['video/mp4', 'video/x-m4v', 'application/mp4'],
  ['video/matroska', 'video/x-matroska'],
  ['audio/matroska', 'audio/x-matroska'],
  ['video/vnd.avi', 'video/x-msvideo', 'video/avi', 'video/msvideo'],
  ['image/jpeg', 'image/jpg', 'image/pjpeg'],
  ['image/png', 'image/x-png'],
  ['image/bmp', 'image/x-ms-bmp', 'image/x-bmp'],
  ['application/pdf', 'application/x-pdf'],
  ['application/zip', 'application/x-zip-compressed', 'application/x-zip'],
  ['application/gzip', 'application/x-gzip'],
  ['audio/mp4', 'audio/x-m4a', 'audio/m4a'],
  ['audio/mpeg', 'audio/mp3', 'audio/x-mp3'],
  ['audio/wav', 'audio/x-wav', 'audio/wave', 'audio/vnd.wave'],
  ['audio/flac', 'audio/x-flac'],
  ['audio/aac', 'audio/x-aac', 'audio/aacp'],
  ['application/x-subrip', 'text/srt', 'application/srt'],
  ['application/xml', 'text/xml'],
  ['text/javascript', 'application/javascript', 'application/x-javascript'],
]

/**
 * Types that their first bytes do not distinguish for certain: a QuickTime brand in an .mp4 (phones write it),
 * a Matroska DocType in a .webm, a .docx whose identifying entry is beyond the first 4 KB.
 */
const CONTAINERS: readonly (readonly string[])[] = [
  ['video/mp4', 'video/quicktime', 'video/3gpp', 'video/3gpp2', 'audio/mp4'],
  ['video/matroska', 'video/webm', 'audio/matroska', 'audio/webm'],
  ['image/png', 'image/apng'],
  ['image/heic', 'image/heif', 'image/heic-sequence', 'image/heif-sequence'],
  ['audio/ogg', 'video/ogg', 'application/ogg', 'audio/opus'],
  [
    'application/zip',
    'application/vnd.openxmlformats-officedocument.wordprocessingml.document',
    'application/vnd.openxmlformats-officedocument.spreadsheetml.sheet',
    'application/vnd.openxmlformats-officedocument.presentationml.presentation',
    'application/vnd.oasis.opendocument.text',
    'application/vnd.oasis.opendocument.spreadsheet',
    'application/vnd.oasis.opendocument.presentation',
    'application/epub+zip',
  ],
]

/** Extensions whose files begin with a signature, and file-type's answer for them. */
const SIGNED: Readonly<Record<string, readonly string[]>> = {
  '.mp4': ['video/mp4'],
  '.m4v': ['video/mp4'],
  '.mov': ['video/quicktime'],
  '.mkv': ['video/matroska'],
  '.webm': ['video/webm'],
  '.avi': ['video/vnd.avi'],
  '.3gp': ['video/3gpp'],
  '.mpg': ['video/mpeg', 'video/mp2p', 'video/mp1s'],
  '.mpeg': ['video/mpeg', 'video/mp2p', 'video/mp1s'],
  '.ts': ['video/mp2t'],
  '.mts': ['video/mp2t'],
  '.flv': ['video/x-flv'],
  '.jpg': ['image/jpeg'],
  '.jpeg': ['image/jpeg'],
  '.png': ['image/png'],
  '.gif': ['image/gif'],
  '.webp': ['image/webp'],
  '.avif': ['image/avif'],
  '.heic': ['image/heic'],
  '.heif': ['image/heif'],
  '.bmp': ['image/bmp'],
  '.tif': ['image/tiff'],
  '.tiff': ['image/tiff'],
  '.pdf': ['application/pdf'],
  '.mp3': ['audio/mpeg'],
  '.m4a': ['audio/mp4'],
  '.wav': ['audio/wav'],
  '.flac': ['audio/flac'],
  '.ogg': ['audio/ogg'],
  '.opus': ['audio/ogg'],
  '.aac': ['audio/aac'],
  '.zip': ['application/zip'],
  '.gz': ['application/gzip'],
  '.docx': ['application/vnd.openxmlformats-officedocument.wordprocessingml.document'],
  '.xlsx': ['application/vnd.openxmlformats-officedocument.spreadsheetml.sheet'],
  '.pptx': ['application/vnd.openxmlformats-officedocument.presentationml.presentation'],
  '.odt': ['application/vnd.oasis.opendocument.text'],
  '.ods': ['application/vnd.oasis.opendocument.spreadsheet'],
  '.odp': ['application/vnd.oasis.opendocument.presentation'],
  '.epub': ['application/epub+zip'],
}

/** Extensions of text without a signature: they pass by name only, and only where that is asked for. */
const UNSIGNED: Readonly<Record<string, readonly string[]>> = {
  '.srt': ['application/x-subrip', 'text/plain'],
  '.ass': ['text/x-ssa', 'text/plain'],
  '.ssa': ['text/x-ssa', 'text/plain'],
  '.vtt': ['text/vtt', 'text/plain'],
  '.txt': ['text/plain'],
  '.log': ['text/plain'],
  '.md': ['text/markdown', 'text/plain'],
  '.csv': ['text/csv', 'text/plain', 'application/vnd.ms-excel'], // the last is Windows browsers' word for it
  '.tsv': ['text/tab-separated-values', 'text/plain'],
  '.json': ['application/json', 'text/plain'],
  '.xml': ['application/xml'],
  '.svg': ['image/svg+xml', 'application/xml'],
  '.html': ['text/html'],
  '.htm': ['text/html'],
  '.css': ['text/css'],
  '.js': ['text/javascript'],
}

/** The dot and what follows it, in lower case; empty when a name has none. `'.mkv'` is one itself. */
export function extensionOf(name: string): string {
  const dot = name.lastIndexOf('.')
  return dot < 0 || dot === name.length - 1 ? '' : name.slice(dot).toLowerCase()
}

/** The types of an extension; undefined for an unknown one. */
export function typesOfExtension(extension: string): readonly string[] | undefined {
  if (Object.hasOwn(SIGNED, extension)) return SIGNED[extension]
  return Object.hasOwn(UNSIGNED, extension) ? UNSIGNED[extension] : undefined
}

/** Whether two types are of different kinds, such as image and video; sound and film share their containers. */
export function areOfDifferentKinds(one: string, other: string): boolean {
  return kindOf(one) !== kindOf(other)
}

function kindOf(type: string): string {
  const kind = type.slice(0, type.indexOf('/'))
  return kind === 'audio' ? 'video' : kind
}

/** Whether files of this extension begin with a signature, so that a file without one is not of it. */
export function hasSignature(extension: string): boolean {
  return Object.hasOwn(SIGNED, extension)
}

/** Whether files of this extension are text, which has no signature. */
export function isUnsignedText(extension: string): boolean {
  return Object.hasOwn(UNSIGNED, extension)
}

/** A media type without parameters, in lower case, under its first name. */
export function canonicalType(type: string): string {
  const plain = (type.split(';', 1)[0] ?? '').trim().toLowerCase()
  return SAME.find((names) => names.includes(plain))?.[0] ?? plain
}

/** Whether a canonical type is one of the wanted canonical types; `'video/*'` wants all of a kind. */
export function isWanted(type: string, wanted: readonly string[]): boolean {
  return wanted.some(
    (want) => want === type || want === '*/*' || (want.endsWith('/*') && type.startsWith(want.slice(0, -1))),
  )
}

/** Whether one canonical type is accepted where another is expected: they are equal, or share a container. */
export function isCompatible(type: string, expected: string): boolean {
  return type === expected || CONTAINERS.some((types) => types.includes(type) && types.includes(expected))
}
