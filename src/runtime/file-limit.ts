// The most bytes of a file that a manager's limits allow, for fronts that announce it before there is an upload.

/** The member of a manager, of any copy of the package, with its `limits.fileBytes`. */
export const FILE_BYTES = Symbol.for('temp-file-manager.file-bytes.v1')

/** `limits.fileBytes` of a manager; undefined without such a limit, or for a manager of a version that does not have this. */
export function fileBytesOf(manager: object): number | undefined {
  return (manager as { readonly [FILE_BYTES]?: number | undefined })[FILE_BYTES] // not a member of the public type
}
