// Staged uploads: FilePond sends each file at once and gets a ticket; the form carries the tickets. A ticket that no form
// claims expires.

import express, { type ErrorRequestHandler, type Router } from 'express'
import type { TempFileManager } from 'temp-file-manager'
import { receiveForm, sendFile, toProblem } from 'temp-file-manager/http'

type Meta = { readonly name: string }

export function formRoutes(manager: TempFileManager): Router {
  const router = express.Router()

  // process: one file, answered with its ticket as text
  router.post('/staged', async (req, res) => {
    await using form = await receiveForm(req, manager, {
      fields: { filepond: { maxFiles: 1, maxBytes: '100mb' } },
    })
    const [file] = form.files
    if (file === undefined) return void res.status(400).end()
    const meta: Meta = { name: file.originalName ?? 'file' }
    res.type('text').send(await file.handOff({ ttl: '2h', meta }))
  })

  // revert: the body is the ticket
  router.delete('/staged', express.text({ type: () => true }), async (req, res) => {
    await manager.discard(req.body)
    res.end()
  })

  // restore: the files of a form that is opened again
  router.get('/staged/:ticket', async (req, res) => {
    await using claim = await manager.claim<Meta>(req.params.ticket)
    await sendFile(req, res, claim, { fileName: claim.meta.name }) // an attachment: no page of a stranger opens here
  })

  // submit: claims every file, or none: when one claim fails, the end of the scope gives the others back
  router.post('/submit', express.urlencoded(), async (req, res) => {
    const { title, filepond = [] } = req.body ?? {}
    const tickets = [filepond].flat().filter((ticket: unknown) => ticket !== '')
    await using scope = manager.scope()
    const claims = await Promise.all(tickets.map((ticket: string) => scope.claim<Meta>(ticket)))
    const names = claims.map((claim) => claim.meta.name)
    for (const claim of claims) await claim.complete() // here your program persists or processes them first
    res.json({ title, names })
  })

  return router
}

/** Answers what a route threw, without paths; the server's log has the reason of its own failures. */
export const answerProblem: ErrorRequestHandler = (error, _req, res, next) => {
  if (res.headersSent) return next(error)
  const { status, headers, body } = toProblem(error)
  if (status >= 500) console.error(error)
  res.status(status).set(headers).send(body)
}
