// Koa: receive a file, send it again. No middleware of this package is needed: `ctx.req` and `ctx.res` are those of
// node:http, and Koa answers a refused upload with the error's own status and message (`error.expose`).

import Koa from 'koa'
import { fileRules, type TempFileManager } from 'temp-file-manager'
import { receiveForm, sendFile } from 'temp-file-manager/http'

export function createApp(manager: TempFileManager): Koa {
  const app = new Koa()

  // POST /files
  app.use(async (ctx, next) => {
    if (ctx.method !== 'POST' || ctx.path !== '/files') return next()
    await using form = await receiveForm(ctx.req, manager, {
      fields: { document: { accept: fileRules.pdf, maxBytes: '1mb', maxFiles: 1, required: true } },
    })
    const [document] = form.files
    const meta = { name: document?.originalName ?? 'document.pdf' }
    ctx.status = 201
    ctx.body = { ticket: await document?.handOff({ ttl: '1h', meta }) }
  })

  // GET, HEAD and DELETE /files/:ticket
  app.use(async (ctx, next) => {
    const ticket = /^\/files\/([^/]+)$/.exec(ctx.path)?.[1]
    if (ticket === undefined) return next()
    if (ctx.method === 'DELETE') {
      await manager.discard(ticket)
      ctx.status = 204
      return
    }
    await using claim = await manager.claim<{ name: string }>(ticket) // a second request meanwhile is answered with 409
    ctx.respond = false // sendFile answers
    await sendFile(ctx.req, ctx.res, claim, { fileName: claim.meta.name })
  })

  return app
}
