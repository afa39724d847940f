// GET /jobs/:id/result: with Range, HEAD and 304, by reply.sendTempFile.

import type { FastifyReply, FastifyRequest } from 'fastify'
import type { ClipService } from '../../service/service.ts'
import { idOf } from './job.ts'

export async function handle({ jobs }: ClipService, request: FastifyRequest, reply: FastifyReply) {
  const result = jobs.result(idOf(request))
  if (result === undefined) return reply.code(404).send({ error: 'This job has no result (yet).' })
  return reply.sendTempFile(result, { fileName: result.meta.name, type: result.meta.type })
}
