// GET /jobs/:id, GET /jobs/:id/result (Range, HEAD, 304 included), DELETE /jobs/:id.

import { Router } from 'express'
import { sendFile } from 'temp-file-manager/http'
import type { ClipService } from '../../service/service.ts'

export function routes({ jobs }: ClipService): Router {
  return Router()
    .get('/:id', (request, response) => {
      const job = jobs.get(request.params.id)
      if (job === undefined) return response.status(404).json({ error: 'There is no such job.' })
      return response.json(job)
    })
    .get('/:id/result', async (request, response) => {
      const result = jobs.result(request.params.id)
      if (result === undefined) return response.status(404).json({ error: 'This job has no result (yet).' })
      return await sendFile(request, response, result, { fileName: result.meta.name, type: result.meta.type })
    })
    .delete('/:id', async (request, response) => {
      await jobs.discard(request.params.id)
      response.status(204).end()
    })
}
