// DELETE /jobs/:id: removes the result, and with it the job.

import type { FastifyReply, FastifyRequest } from 'fastify'
import type { ClipService } from '../../service/service.ts'
import { idOf } from './job.ts'

export async function handle({ jobs }: ClipService, request: FastifyRequest, reply: FastifyReply) {
  await jobs.discard(idOf(request))
  return reply.code(204).send()
}
