// The routes. The tus server and the FilePond endpoints come before any body parser: they read the requests themselves.

import express, { type Express } from 'express'
import type { TempFileManager } from 'temp-file-manager'
import { tusServer } from 'temp-file-manager/tus'
import { bundlePages } from './bundle-pages.ts'
import { answerProblem, formRoutes } from './form-routes.ts'

export async function createApp(manager: TempFileManager): Promise<Express> {
  const tus = tusServer(manager, { path: '/files', maxBytes: '5gb', hash: 'sha256', ttl: '1d' })
  const app = express()
  app.all(['/files', '/files/*splat'], (req, res) => void tus.handle(req, res))
  // The result of an upload: any tab may ask, also one that did not send the last byte.
  app.get('/finished/:id', async (req, res) => {
    await using upload = await manager.openUpload(req.params.id, { whenBusy: 'take-over' })
    const { ticket, bytes, digest } = upload.finished ?? {}
    res.status(ticket === undefined ? 404 : 200).json({ ticket, bytes, digest })
  })
  app.use(formRoutes(manager))
  for (const { path, type, text } of await bundlePages())
    app.get(path, (_, res) => void res.type(type).send(text))
  app.use(answerProblem)
  return app
}
