// Members that a manager has for other entry points of the package, of any copy of it; they are not in its public type.

/** The signal that aborts when it closes; read by `temp-file-manager/s3`. */
export const CLOSING = Symbol.for('temp-file-manager.closing.v1')

/** Its `limits.fileBytes`, for fronts that announce the limit before there is an upload. */
export const FILE_BYTES = Symbol.for('temp-file-manager.file-bytes.v1')

/** `limits.fileBytes` of a manager; undefined without such a limit, or for a manager of a version that does not have this. */
export function fileBytesOf(manager: object): number | undefined {
  return (manager as { readonly [FILE_BYTES]?: number | undefined })[FILE_BYTES] // not a member of the public type
}
