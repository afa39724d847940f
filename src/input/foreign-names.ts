// Option names of other libraries (multer, busboy, formidable, express-fileupload, tmp, tempy, temp) and what the same
// thing is called here. Used only for advice in an error: none of them is accepted.

interface Meaning {
  /** Option names of this library: the first that the options object has is meant. */
  readonly names: readonly string[]
  /** The advice where the object has none of `names`. */
  readonly otherwise?: string
}

const SIZE: Meaning = {
  names: ['maxFileBytes', 'maxBytes', 'fileBytes'],
  otherwise: 'Limit the size with limits.fileBytes of the manager, or with maxBytes of receive().',
}
const DIRECTORY: Meaning = {
  names: ['baseDir'],
  otherwise:
    'The directory is set once, by new TempFileManager({ baseDir }); use persist() to move a file elsewhere.',
}
const RULES: Meaning = {
  names: ['accept', 'types', 'extensions'],
  otherwise: 'File types are checked by accept, an option of receive() and receiveForm().',
}
const COUNT: Meaning = { names: ['maxFiles', 'liveEntries'] }
const EVERYTHING_KEPT: Meaning = { names: ['preserve'] }
const SUFFIX: Meaning = { names: ['suffix', 'extensions'] }
const AGE: Meaning = { names: ['removeUnknownAfter', 'ttl'] }

const OWN_STORE: Meaning = {
  names: [],
  otherwise: 'tusServer() makes its store and its locker; for others call new Server() of @tus/server.',
}

const MEANINGS: Readonly<Record<string, Meaning>> = {
  // multer and busboy
  limits: {
    names: ['maxFileBytes', 'maxBytes'],
    otherwise: 'limits is an option of the manager: new TempFileManager({ limits: { fileBytes } }).',
  },
  fileSize: SIZE,
  files: COUNT,
  fields: { names: ['maxFields'] },
  fieldSize: { names: ['maxFieldBytes'] },
  fieldNameSize: { names: ['maxFieldNameBytes'] },
  parts: { names: ['maxParts'] },
  headerPairs: { names: ['maxHeaderPairs'] },
  fileFilter: { names: ['skip', 'accept'] },
  dest: DIRECTORY,
  storage: { names: [], otherwise: 'Files are stored by the manager; use tempStorage() with multer.' },
  // formidable and express-fileupload
  maxFileSize: SIZE,
  maxTotalFileSize: { names: ['maxTotalBytes', 'totalBytes'] },
  maxFieldsSize: { names: ['maxTextBytes'] },
  minFileSize: { names: ['minBytes'] },
  uploadDir: DIRECTORY,
  tempFileDir: DIRECTORY,
  hashAlgorithm: { names: ['hash'] },
  keepExtensions: { names: [], otherwise: 'An uploaded file keeps its extension.' },
  filename: { names: ['fileName', 'name'] },
  filter: { names: ['skip', 'accept'] },
  // tmp, tempy, temp
  tmpdir: DIRECTORY,
  dir: DIRECTORY,
  postfix: SUFFIX,
  extension: SUFFIX,
  template: { names: ['prefix'] },
  keep: EVERYTHING_KEPT,
  discardDescriptor: { names: [], otherwise: 'No descriptor is kept open here. Leave it out.' },
  detachDescriptor: { names: [], otherwise: 'No descriptor is kept open here. Leave it out.' },
  unsafeCleanup: { names: [], otherwise: 'A directory is always removed with its content. Leave it out.' },
  tries: { names: [], otherwise: 'Names are unique without retries. Leave it out.' },
  // @tus/server
  onUploadFinish: { names: ['onFinish'] },
  locker: OWN_STORE,
  datastore: OWN_STORE,
  // common words
  maxSize: SIZE,
  sizeLimit: SIZE,
  fileSizeLimit: SIZE,
  maxLength: SIZE,
  contentLength: { names: ['expectedBytes'] },
  directory: DIRECTORY,
  destination: DIRECTORY,
  tempDir: DIRECTORY,
  cwd: DIRECTORY,
  mimeTypes: RULES,
  allowedTypes: RULES,
  allowedMimeTypes: RULES,
  allowedExtensions: { names: ['extensions', 'accept'] },
  checksum: { names: ['expectedDigest', 'hash'] },
  algorithm: { names: ['hash'] },
  force: { names: ['overwrite'] },
  recursive: { names: ['makeParents'] },
  mkdirp: { names: ['makeParents'] },
  permissions: { names: ['mode'] },
  maxAge: AGE,
  olderThan: AGE,
  expiresIn: AGE,
  metadata: { names: ['meta'] },
  data: { names: ['meta'] },
  deadline: { names: ['timeLimit', 'timeout'] },
  stale: { names: ['staleAfter'] },
  entries: { names: ['liveEntries'] },
  interval: { names: ['every'] },
}

const BY_LOWER_CASE = new Map(
  Object.entries(MEANINGS).map(([name, meaning]) => [name.toLowerCase(), meaning]),
)

/** The meaning of another library's option among the `known` ones; undefined for an unknown one. */
export function foreignName(
  key: string,
  known: readonly string[],
): { readonly meant: string | undefined; readonly advice: string | undefined } | undefined {
  const meaning = BY_LOWER_CASE.get(key.toLowerCase())
  if (meaning === undefined) return undefined
  const meant = meaning.names.find((name) => known.includes(name))
  if (meant === undefined && meaning.otherwise === undefined) return undefined
  return { meant, advice: meant === undefined ? meaning.otherwise : undefined }
}
