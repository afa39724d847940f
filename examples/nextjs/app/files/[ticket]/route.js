// GET, HEAD and DELETE /files/:ticket.

import { getTempManager } from 'temp-file-manager'
import { fileResponse } from 'temp-file-manager/http'
import { answering } from '../../problem.js'

export function GET(request, { params }) {
  return answering(async () => {
    const { ticket } = await params
    const claim = await getTempManager().claim(ticket)
    try {
      return await fileResponse(request, claim, { fileName: claim.meta.name })
    } finally {
      await claim.release() // for the next request; this response goes on, because its file is open
    }
  })
}

export function DELETE(_request, { params }) {
  return answering(async () => {
    const { ticket } = await params
    await getTempManager().discard(ticket)
    return new Response(null, { status: 204 })
  })
}
