// req.upload. Guarantee: the handler runs with a whole, checked form or not at all.

import type { FormOptions } from '../http/index.ts'
import { prepareForm } from '../http/receive/form-options.ts'
import { receivePreparedForm } from '../http/receive/receive-form.ts'
import type { TempFileManager } from '../index.ts'
import { splitArguments } from './middleware-arguments.ts'
import { type Middleware, scopeOf } from './temp-scope.ts'

/**
 * Receives a multipart form into `req.upload`; its files live in `req.temp` and are removed when the response is
 * over. A failure goes to `next(error)` with `error.status`, and no file of the form is left.
 *
 * @param manager default: the process's default manager, `getTempManager()`; it can be left out altogether
 * @throws ERR_TEMP_OPTION_INVALID when it is called with a bad option; to `next`: the codes of {@link receiveForm}
 * @example
 * ```ts
 * import express from 'express'
 * import { fileRules } from 'temp-file-manager'
 * import { tempUpload } from 'temp-file-manager/express'
 *
 * const app = express()
 * app.post('/uploads', tempUpload({ accept: fileRules.video }), async (req, res) => {
 *   const [video] = req.upload.files
 *   if (video === undefined) return void res.status(400).json({ error: 'Choose a file.' })
 *   res.json({ name: video.originalName, bytes: video.bytes })
 * })
 * ```
 */
export function tempUpload(options?: FormOptions): Middleware
export function tempUpload(manager: TempFileManager | undefined, options?: FormOptions): Middleware
export function tempUpload(first?: TempFileManager | FormOptions, second?: FormOptions): Middleware {
  const { manager, options } = splitArguments(first, second)
  const form = prepareForm(options)
  return (req, res, next) => {
    const received = async (): Promise<void> => {
      const upload = await receivePreparedForm(req, scopeOf(manager, req, res), form)
      Object.assign(req, { upload })
    }
    received().then(() => next(), next)
  }
}
