// The Fastify app: the same routes as the Express example, from the same service. Guarantee: a route's module is
// loaded when its first request comes.

import fastify, { type FastifyInstance, type FastifyReply, type FastifyRequest } from 'fastify'
import tempFiles from 'temp-file-manager/fastify'
import type { ClipService } from '../service/service.ts'

type Handler = (service: ClipService, request: FastifyRequest, reply: FastifyReply) => Promise<unknown>

export async function createApp(service: ClipService): Promise<FastifyInstance> {
  const app = fastify({ forceCloseConnections: 'idle' })
  const lazily =
    (load: () => Promise<{ handle: Handler }>) => async (request: FastifyRequest, reply: FastifyReply) =>
      (await load()).handle(service, request, reply)

  await app.register(tempFiles, { manager: service.manager })
  // Any other body is a stream that the route reads for itself.
  app.addContentTypeParser('*', (_request, _payload, done) => done(null))

  app.post(
    '/uploads',
    lazily(() => import('./routes/uploads.ts')),
  )
  app.get(
    '/jobs/:id',
    lazily(() => import('./routes/job.ts')),
  )
  app.get(
    '/jobs/:id/result',
    lazily(() => import('./routes/result.ts')),
  )
  app.delete(
    '/jobs/:id',
    lazily(() => import('./routes/discard.ts')),
  )
  app.get(
    '/invoices/:name',
    lazily(() => import('./routes/invoices.ts')),
  )
  app.post(
    '/publish',
    lazily(() => import('./routes/publish.ts')),
  )
  app.put(
    '/checksum',
    lazily(() => import('./routes/checksum.ts')),
  )
  app.get(
    '/stats',
    lazily(() => import('./routes/stats.ts')),
  )
  return app
}
