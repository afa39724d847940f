// PUT /checksum: any body, up to the manager's limit, into a temp file that ends with the request; the answer
// is its size and digest. Memory stays the same whatever the size.

import { Router } from 'express'
import { receiveBody } from 'temp-file-manager/http'

export function routes(): Router {
  return Router().put('/', async (request, response) => {
    const file = await receiveBody(request, request.temp, { hash: 'sha256' })
    response.json({ bytes: file.bytes, sha256: file.digest })
  })
}
