// The Express application of the soak: tempUpload, receiveBody in a scope of the request, and multer with tempStorage.

import express, {
  type Express,
  type NextFunction,
  type Request,
  type RequestHandler,
  type Response,
} from 'express'
import multer from 'multer'
import { tempScope, tempStorage, tempUpload } from '../../src/express/index.ts'
import { receiveBody, toProblem } from '../../src/http/index.ts'
import type { TempFileManager } from '../../src/index.ts'
import { MULTER_REFUSALS } from './multer-refusals.ts'
import { RAW_REFUSALS } from './raw-refusals.ts'
import { FORM_REFUSALS, type Refusal } from './refusals.ts'

export interface Surroundings {
  managerOf(refusal: Pick<Refusal, 'manager'> | undefined): TempFileManager
  /** Lives as long as the process. */
  readonly signal: AbortSignal
}

/** A route of middleware, and a handler that answers with what `describe` returns. */
type Mount = (
  path: string,
  refusal: Pick<Refusal, 'handler'> | undefined,
  middleware: RequestHandler,
  describe: (req: Request) => object | Promise<object>,
) => void

export function createApp({ managerOf, signal }: Surroundings): Express {
  const app = express()
  const mount: Mount = (path, refusal, middleware, describe) => {
    app.post(path, middleware, async (req, res) => {
      const answer = await describe(req)
      if (refusal?.handler === 'throw') throw new Error('the handler fails')
      res.json(answer)
    })
  }
  for (const [index, refusal] of [...FORM_REFUSALS, undefined].entries()) {
    if (refusal?.early === true) continue
    const options = refusal?.options ?? (() => ({ hash: 'sha256' }))
    // Created for each request: a signal may end at once.
    const upload: RequestHandler = (req, res, next) =>
      tempUpload(managerOf(refusal), { signal, ...options() })(req, res, next)
    mount(`/express/${refusal === undefined ? 'whole' : `form-${index}`}`, refusal, upload, ({ upload }) => ({
      fields: upload.fields,
      files: upload.files.map(({ fieldName, bytes, digest }) => ({ fieldName, bytes, digest })),
    }))
  }
  for (const [index, refusal] of RAW_REFUSALS.entries())
    mount(`/express/raw-${index}`, refusal, tempScope(managerOf(refusal)), async (req) => {
      const { bytes } = await receiveBody(req, req.temp, { signal, ...refusal.options() })
      return { bytes }
    })
  for (const [index, refusal] of [...MULTER_REFUSALS, undefined].entries()) {
    const storage = tempStorage(managerOf(refusal), refusal?.options() ?? { hash: 'sha256' })
    const limits = refusal?.limits
    const upload = multer({ storage, ...(limits && { limits }) }).any()
    mount(`/multer/${refusal === undefined ? 'whole' : `multer-${index}`}`, refusal, upload, describeMulter)
  }
  app.use((error: unknown, _req: Request, res: Response, _next: NextFunction) => {
    const { status, headers, body } = toProblem(error)
    res.status(status).set(headers).send(String(body))
  })
  return app
}

function describeMulter(req: Request): object {
  const files = Array.isArray(req.files) ? req.files : []
  return {
    fields: { ...req.body },
    files: files.map(({ fieldname, size, temp }) => ({
      fieldName: fieldname,
      bytes: size,
      digest: temp?.digest,
    })),
  }
}
