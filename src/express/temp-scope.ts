// req.temp. Promise: whatever the handler does, or fails to do, the request's temps end with its response.

import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Form, UploadedFile } from '../http/index.ts'
import { requestScope } from '../http/serve/request-scope.ts'
import type { TempFileManager, TempScope } from '../index.ts'

declare global {
  namespace Express {
    interface Request {
      /** The request's temps, removed when its response is over. Needs `tempScope` or `tempUpload`. */
      temp: TempScope
      /** The form that `tempUpload` has received. */
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

/** A middleware of Express 4 and 5, and of everything else that calls (req, res, next). */
export type Middleware = (req: IncomingMessage, res: ServerResponse, next: (error?: unknown) => void) => void

/**
 * Gives every request `req.temp`, a scope that is disposed when the response is over: answered, failed or
 * left by the client. Its `signal` aborts first: pass it to what runs on (ffmpeg, fetch). A file that must
 * outlive the request leaves it by `handOff()`, `persist()` or `keepUntilClose()`.
 *
 * @example
 * ```ts
 * import express from 'express'
 * import { getTempManager } from 'temp-file-manager'
 * import { tempScope } from 'temp-file-manager/express'
 *
 * const app = express()
 * app.use(tempScope(getTempManager()))
 * app.get('/report', async (req, res) => {
 *   const file = await req.temp.receive('rows and rows', { suffix: '.csv' })
 *   res.download(file.path) // gone when the response is over
 * })
 * ```
 */
export function tempScope(manager: TempFileManager): Middleware {
  return (req, res, next) => {
    try {
      scopeOf(manager, req, res)
      next()
    } catch (error) {
      next(error)
    }
  }
}

/** The request's scope, also as `req.temp`. @throws ERR_TEMP_CLOSED */
export function scopeOf(manager: TempFileManager, req: IncomingMessage, res: ServerResponse): TempScope {
  const scope = requestScope(manager, req, res)
  Object.assign(req, { temp: scope })
  return scope
}
