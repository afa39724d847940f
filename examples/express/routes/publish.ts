// POST /publish {"job"}: sends a result to the archive, and answers with a line of JSON for every step of it.

import { pipeline } from 'node:stream/promises'
import express, { Router } from 'express'
import { publish } from '../../service/publish.ts'
import type { ClipService } from '../../service/service.ts'

export function routes(service: ClipService): Router {
  return Router().post('/', express.json(), async (request, response) => {
    const { job }: { job?: unknown } = request.body ?? {}
    const lines = typeof job === 'string' ? publish(service, job) : undefined
    if (lines === undefined) return response.status(404).json({ error: 'This job has no result (yet).' })
    return await pipeline(lines, response.type('application/x-ndjson'))
  })
}
