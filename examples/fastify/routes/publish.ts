// POST /publish {"job"}: sends a result to the archive, and answers with a line of JSON for every step of it.

import type { FastifyReply, FastifyRequest } from 'fastify'
import { publish } from '../../service/publish.ts'
import type { ClipService } from '../../service/service.ts'

export async function handle(service: ClipService, request: FastifyRequest, reply: FastifyReply) {
  const { job } = (request.body ?? {}) as { job?: unknown } // JSON of a stranger: looked at before it is used
  const lines = typeof job === 'string' ? publish(service, job) : undefined
  if (lines === undefined) return reply.code(404).send({ error: 'This job has no result (yet).' })
  return reply.type('application/x-ndjson').send(lines)
}
