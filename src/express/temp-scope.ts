// req.temp. Guarantee: the request's temps are removed with its response, also when the handler throws.

import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Form, UploadedFile } from '../http/index.ts'
import { discardNode } from '../http/receive/discard-rest.ts'
import { requestScope } from '../http/serve/request-scope.ts'
import type { TempFileManager, TempScope } from '../index.ts'
import { managerFrom } from './middleware-arguments.ts'

declare global {
  namespace Express {
    interface Request {
      /** The request's temps, removed when its response is over. Set by `tempScope`, `tempUpload` and `tempStorage`. */
      temp: TempScope
      /** The form that `tempUpload` received. */
      upload: Form
    }
    namespace Multer {
      interface File {
        /** The temp file, when multer stores with `tempStorage`. */
        temp?: UploadedFile
      }
    }
  }
}

/** A middleware for Express 4 and 5, and everything else that calls (req, res, next). */
export type Middleware = (req: IncomingMessage, res: ServerResponse, next: (error?: unknown) => void) => void

/**
 * Gives every request `req.temp`, a scope that is disposed when the response is over: answered, failed or
 * left by the client. Its `signal` aborts first: pass it to work that runs on (ffmpeg, fetch). To let a file outlive
 * the request, call `handOff()`, `persist()` or `keepUntilClose()`.
 *
 * @param manager default: the process's default manager, `getTempManager()`
 * @throws ERR_TEMP_OPTION_INVALID (not a manager)
 * @example
 * ```ts
 * import express from 'express'
 * import { tempScope } from 'temp-file-manager/express'
 *
 * const app = express()
 * app.use(tempScope())
 * app.get('/report', async (req, res) => {
 *   const file = await req.temp.receive('rows and rows', { suffix: '.csv' })
 *   res.download(file.path) // gone when the response is over
 * })
 * ```
 */
export function tempScope(manager?: TempFileManager): Middleware {
  const checked = managerFrom(manager)
  return (req, res, next) => {
    try {
      scopeOf(checked, req, res)
    } catch (error) {
      next(error)
      return
    }
    next() // outside of the try: an error of the next handler must not call next again
  }
}

/**
 * The request's scope in this manager, also as `req.temp`. Without one the request is refused: its body is discarded, so that the answer
 * can be read.
 * @throws ERR_TEMP_CLOSED
 */
export function scopeOf(
  manager: TempFileManager | undefined,
  req: IncomingMessage,
  res: ServerResponse,
): TempScope {
  try {
    const scope = requestScope(manager, req, res)
    Object.assign(req, { temp: scope })
    return scope
  } catch (error) {
    discardNode(req)
    throw error
  }
}
