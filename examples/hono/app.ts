// Hono: receive a file, send it again. `c.req.raw` is a Request of the Fetch API, which receiveForm reads like one of
// node:http; fileResponse makes the Response.

import { Hono } from 'hono'
import { fileRules, type TempFileManager } from 'temp-file-manager'
import { fileResponse, receiveForm, toProblem } from 'temp-file-manager/http'

export function createApp(manager: TempFileManager): Hono {
  const app = new Hono()

  app.post('/files', async (c) => {
    await using form = await receiveForm(c.req.raw, manager, {
      fields: { document: { accept: fileRules.pdf, maxBytes: '1mb', maxFiles: 1, required: true } },
    })
    const [document] = form.files
    const meta = { name: document?.originalName ?? 'document.pdf' }
    return c.json({ ticket: await document?.handOff({ ttl: '1h', meta }) }, 201)
  })

  app.get('/files/:ticket', async (c) => {
    // The claim is given back at the end of this function. The response goes on, because the file is open.
    await using claim = await manager.claim<{ name: string }>(c.req.param('ticket'))
    return await fileResponse(c.req.raw, claim, { fileName: claim.meta.name })
  })

  app.delete('/files/:ticket', async (c) => {
    await manager.discard(c.req.param('ticket'))
    return c.body(null, 204)
  })

  app.onError((error) => {
    const { status, headers, body } = toProblem(error)
    if (status >= 500) console.error(error)
    return new Response(JSON.stringify(body), { status, headers })
  })

  return app
}
