// GET /jobs/:id

import type { FastifyReply, FastifyRequest } from 'fastify'
import type { ClipService } from '../../service/service.ts'

export async function handle({ jobs }: ClipService, request: FastifyRequest, reply: FastifyReply) {
  const job = jobs.get(idOf(request))
  return job ?? reply.code(404).send({ error: 'There is no such job.' })
}

/** The `:id` of the route's path, which Fastify has matched as a string. */
export function idOf(request: FastifyRequest): string {
  return (request.params as { id: string }).id
}
