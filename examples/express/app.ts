// The Express app: which route answers what. Guarantee: a route's module is loaded when its first request comes,
// so the server listens before pdfkit and ffmpeg's rooms are even read.

import { fileURLToPath } from 'node:url'
import express, { type ErrorRequestHandler, type Express, type RequestHandler, type Router } from 'express'
import { isTempFileError } from 'temp-file-manager'
import { tempScope } from 'temp-file-manager/express'
import type { ClipService } from '../service/service.ts'

/** The exports of every route module. */
export interface RouteModule {
  routes(service: ClipService): Router
}

export function createApp(service: ClipService): Express {
  const lazily = (load: () => Promise<RouteModule>): RequestHandler => {
    let router: Promise<Router> | undefined
    return (request, response, next) => {
      router ??= load().then((module) => module.routes(service))
      router.then((handle) => handle(request, response, next), next)
    }
  }

  const app = express().disable('x-powered-by')
  app.use(tempScope(service.manager))
  app.use(
    '/uploads',
    lazily(() => import('./routes/uploads.ts')),
  )
  app.use(
    '/jobs',
    lazily(() => import('./routes/jobs.ts')),
  )
  app.use(
    '/invoices',
    lazily(() => import('./routes/invoices.ts')),
  )
  app.use(
    '/publish',
    lazily(() => import('./routes/publish.ts')),
  )
  app.use(
    '/checksum',
    lazily(() => import('./routes/checksum.ts')),
  )
  app.use(
    '/stats',
    lazily(() => import('./routes/stats.ts')),
  )
  app.use(express.static(fileURLToPath(new URL('public', import.meta.url))))
  app.use(answerError)
  return app
}

/**
 * The library's errors carry their status and a message without paths, and so do those of Express's own body parsers
 * (`expose`) and router (400 for an address that cannot be decoded); every other error is hidden from clients.
 */
const answerError: ErrorRequestHandler = (error, _request, response, next) => {
  if (response.headersSent) return next(error)
  if (isTempFileError(error))
    return response.status(error.status).json({ code: error.code, error: error.message })
  if (error.expose === true || error.status === 400)
    return response.status(error.status).json({ error: error.message })
  console.error(error)
  response.status(500).json({ error: 'The server failed. Its log has the reason.' })
}
