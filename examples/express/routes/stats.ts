// GET /stats: the figures that the page and the demo show.

import { Router } from 'express'
import type { ClipService } from '../../service/service.ts'
import { readStats } from '../../service/stats.ts'

export function routes(service: ClipService): Router {
  return Router().get('/', async (_request, response) => {
    response.set('cache-control', 'no-store').json(await readStats(service))
  })
}
