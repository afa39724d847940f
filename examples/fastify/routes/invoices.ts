// GET /invoices/:id.pdf: a document made for this one answer, in a temp file that ends with the request.

import type { FastifyReply, FastifyRequest } from 'fastify'
import { writeInvoice } from '../../service/invoice.ts'
import type { ClipService } from '../../service/service.ts'

export async function handle(_service: ClipService, request: FastifyRequest, reply: FastifyReply) {
  // The `:name` of the route's path, which Fastify has matched as a string.
  const { name } = request.params as { name: string }
  const id = /^([\w-]{1,40})\.pdf$/.exec(name)?.[1]
  if (id === undefined) return reply.code(404).send({ error: 'There is no such invoice.' })
  const file = request.temp.file('.pdf')
  await writeInvoice(file, id)
  return reply.sendTempFile(file, { fileName: `invoice-${id}.pdf`, disposition: 'inline' })
}
