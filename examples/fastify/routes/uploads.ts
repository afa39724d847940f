// POST /uploads: a form with one clip. Checked while it arrives, handed off when it is whole, answered with 202.

import type { FastifyReply, FastifyRequest } from 'fastify'
import { clipForm } from '../../service/clip-rules.ts'
import type { ClipService } from '../../service/service.ts'

export async function handle({ jobs }: ClipService, request: FastifyRequest, reply: FastifyReply) {
  const form = await request.receiveForm(clipForm)
  const [clip] = form.files
  if (clip === undefined) return reply.code(400).send({ error: "Send the clip in the form field 'clip'." })
  const job = await jobs.submit(clip)
  return reply.code(202).header('location', `/jobs/${job.id}`).send(job)
}
