// How a temp file is sent, and what came of it.

/** When sendFile removes the file it has sent. */
export type RemoveWhen = 'never' | 'after-response' | 'after-full-body'

/** How a file is sent. */
export interface SendOptions {
  /** The name that the client saves it under; default: an upload's `originalName`, else the file's own name. */
  readonly fileName?: string | undefined
  /** 'attachment' (default) is saved, 'inline' is shown. */
  readonly disposition?: 'attachment' | 'inline' | undefined
  /** Content-Type; default: by the extension of `fileName`, else application/octet-stream. */
  readonly type?: string | undefined
  /** Cache-Control; default 'private, no-store'. false sends none. */
  readonly cacheControl?: string | false | undefined
  /** Further headers; they win over the ones made here. */
  readonly headers?: Readonly<Record<string, string>> | undefined
  /**
   * 'never' (default). 'after-response': when the response is over, however it ended. 'after-full-body': when a
   * GET was answered 200 with the whole file and the client has got the last byte; an aborted download, HEAD,
   * 206, 304, 412 and 416 leave the file where it is.
   */
  readonly remove?: RemoveWhen | undefined
}

/** What sendFile has done. */
export interface SendResult {
  /** 200, 206, 304, 412 or 416. */
  readonly status: number
  /** Bytes of the body given to the connection. */
  readonly bytes: number
  /** Whether the whole answer (whatever its status) was handed to the connection before it closed. */
  readonly fullySent: boolean
  /** Whether the file was removed. */
  readonly removed: boolean
}

/** What can be sent: a temp file, a claim, or any file by its path. Only what has `remove` can be removed. */
export interface Sendable {
  readonly path: string
  readonly name?: string | undefined
  readonly originalName?: string | undefined
  readonly disposed?: boolean | undefined
  remove?(): Promise<void>
}
