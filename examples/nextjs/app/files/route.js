// POST /files: one PDF in the form field `document`, checked while it arrives, then handed off.

import { fileRules, getTempManager } from 'temp-file-manager'
import { receiveForm } from 'temp-file-manager/http'
import { answering } from '../problem.js'

export function POST(request) {
  return answering(async () => {
    const form = await receiveForm(request, getTempManager(), {
      fields: { document: { accept: fileRules.pdf, maxBytes: '1mb', maxFiles: 1, required: true } },
    })
    try {
      const document = form.file('document')
      const ticket = await document.handOff({ ttl: '1h', meta: { name: document.originalName } })
      return Response.json({ ticket }, { status: 201 })
    } finally {
      await form.remove() // what was not handed off
    }
  })
}
