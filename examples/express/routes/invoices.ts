// GET /invoices/:id.pdf: a document made for this one answer, in a temp file that ends with the request.

import { Router } from 'express'
import { sendFile } from 'temp-file-manager/http'
import { writeInvoice } from '../../service/invoice.ts'

export function routes(): Router {
  return Router().get('/:name.pdf', async (request, response) => {
    const id = request.params.name
    if (!/^[\w-]{1,40}$/.test(id)) return response.status(404).json({ error: 'There is no such invoice.' })
    const file = request.temp.file('.pdf')
    await writeInvoice(file, id)
    return await sendFile(request, response, file, { fileName: `invoice-${id}.pdf`, disposition: 'inline' })
  })
}
