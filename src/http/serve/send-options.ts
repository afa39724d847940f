// Options and result of sending a file, and their check.

import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Http2ServerRequest, Http2ServerResponse } from 'node:http2'
import type { Socket } from 'node:net'
import { boolean, constantOr, oneOf, optionsOf, recordOf, text } from '../../input/options.ts'
import { listenTogether } from '../../runtime/listen-together.ts'

/** When the file that was sent is removed. */
export type RemoveWhen = 'never' | 'after-response' | 'after-full-body'

/** Options of `sendFile` and `fileResponse`. */
export interface SendOptions {
  /** The name that the client saves it under; default: an upload's `originalName`, else the file's own name. */
  readonly fileName?: string | undefined
  /** 'attachment' (default): the client saves it. 'inline': the client shows it. */
  readonly disposition?: 'attachment' | 'inline' | undefined
  /** Content-Type; default: by the extension of `fileName`, else application/octet-stream. */
  readonly type?: string | undefined
  /** Cache-Control; default 'private, no-store'. false leaves it out. */
  readonly cacheControl?: string | false | undefined
  /** false leaves out Accept-Ranges and ignores Range: always the whole file. */
  readonly acceptRanges?: boolean | undefined
  /** false leaves out ETag. */
  readonly etag?: boolean | undefined
  /** false leaves out Last-Modified. */
  readonly lastModified?: boolean | undefined
  /** Further headers; they win over the ones made here. */
  readonly headers?: Readonly<Record<string, string>> | undefined
  /**
   * 'never' (default). 'after-response': when the response is over, complete or aborted. 'after-full-body': when
   * a GET was answered 200 with the whole file and the client has received the last byte; an aborted download, HEAD,
   * 206, 304, 412 and 416 leave the file where it is.
   */
  readonly remove?: RemoveWhen | undefined
}

/** Checks {@link SendOptions}. @throws ERR_TEMP_OPTION_INVALID */
export const checkSendOptions = optionsOf('sendFile', {
  fileName: text,
  disposition: oneOf('attachment', 'inline'),
  type: text,
  cacheControl: constantOr(false, text),
  acceptRanges: boolean,
  etag: boolean,
  lastModified: boolean,
  headers: recordOf(text),
  remove: oneOf('never', 'after-response', 'after-full-body'),
})

/** Result of `sendFile`. */
export interface SendResult {
  /** 200, 206, 304, 412 or 416. */
  readonly status: number
  /** Bytes of the body given to the connection. */
  readonly bytes: number
  /** Whether the whole answer, of any status, was handed to the connection before it closed. */
  readonly fullySent: boolean
  /** Whether the file was removed. */
  readonly removed: boolean
}

/** A temp file, a claim, or any file by its path. Only an entry with `remove` can be removed. */
export interface Sendable {
  readonly path: string
  readonly name?: string | undefined
  readonly originalName?: string | undefined
  readonly remove?: (() => Promise<void>) | undefined
}

/** A request of node:http or of the compatibility API of node:http2. */
export type NodeRequest = IncomingMessage | Http2ServerRequest

/** A response of node:http or of the compatibility API of node:http2. */
export type NodeResponse = ServerResponse | Http2ServerResponse

export function isHttp2(res: NodeResponse): res is Http2ServerResponse {
  return 'stream' in res
}

/** Whether the connection or stream of a response is gone, so that nothing can be sent any more. */
export function isClosed(res: NodeResponse): boolean {
  if (isHttp2(res)) return res.stream.destroyed || res.stream.closed
  return res.destroyed || res.closed || awaitedConnection(res)?.destroyed === true
}

/** Calls back once, when the response is over or its connection or stream is gone. Call the result to stop waiting. */
export function onClosed(res: NodeResponse, callback: () => void): () => void {
  const connection = awaitedConnection(res)
  const settle = (): void => {
    stop()
    callback()
  }
  const leave = connection && listenTogether(connection, 'close', settle)
  const stop = (): void => {
    leave?.()
    res.removeListener('close', settle)
  }
  res.once('close', settle)
  return stop
}

/**
 * The connection of a response that waits behind an earlier one of it (pipelining). Such a response does not close with its
 * connection (Node 20 to 24).
 */
function awaitedConnection(res: NodeResponse): Socket | undefined {
  return isHttp2(res) || res.socket !== null ? undefined : (res.req.socket ?? undefined)
}
