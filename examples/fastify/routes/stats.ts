// GET /stats: the figures that the page and the demo show.

import type { FastifyReply, FastifyRequest } from 'fastify'
import type { ClipService } from '../../service/service.ts'
import { readStats } from '../../service/stats.ts'

export async function handle(service: ClipService, _request: FastifyRequest, reply: FastifyReply) {
  return reply.header('cache-control', 'no-store').send(await readStats(service))
}
