// req.upload. Promise: the handler runs with a whole, checked form or not at all.

import { type FormRules, receiveForm } from '../http/index.ts'
import type { TempFileManager } from '../index.ts'
import { type Middleware, scopeOf } from './temp-scope.ts'

/**
 * Receives a multipart form into `req.upload`; its files live in `req.temp` and end with the response. A
 * failure goes to `next(error)` with `error.status`, and nothing of the form is left.
 *
 * @throws (to `next`) the codes of {@link receiveForm}
 * @example
 * ```ts
 * import express from 'express'
 * import { fileRules, getTempManager } from 'temp-file-manager'
 * import { tempUpload } from 'temp-file-manager/express'
 *
 * const app = express()
 * app.post('/uploads', tempUpload(getTempManager(), { accept: fileRules.video }), async (req, res) => {
 *   const [video] = req.upload.files
 *   if (video === undefined) return void res.status(400).json({ error: 'Choose a file.' })
 *   const ticket = await video.handOff({ meta: { name: video.originalName } })
 *   res.status(202).json({ ticket })
 * })
 * ```
 */
export function tempUpload(manager: TempFileManager, rules: FormRules = {}): Middleware {
  return (req, res, next) => {
    const received = async (): Promise<void> => {
      const upload = await receiveForm(req, scopeOf(manager, req, res), rules)
      Object.assign(req, { upload })
    }
    received().then(() => next(), next)
  }
}
