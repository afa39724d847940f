// PUT /checksum: any body into a temp file that ends with the request; the answer is its size and digest.

import type { FastifyReply, FastifyRequest } from 'fastify'
import { receiveBody } from 'temp-file-manager/http'
import type { ClipService } from '../../service/service.ts'

export async function handle(_service: ClipService, request: FastifyRequest, reply: FastifyReply) {
  const file = await receiveBody(request.raw, request.temp, { hash: 'sha256' })
  return reply.send({ bytes: file.bytes, sha256: file.digest })
}
