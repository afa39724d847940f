// The receiving host. POST /clips publishes the body and queues its ticket; GET /jobs/:id shows the job, GET
// /jobs/:id/result serves the result, which came from another host.

import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { Queue } from 'bullmq'
import express from 'express'
import { TempFileManager } from 'temp-file-manager'
import { receiveBody, sendFile, toProblem } from 'temp-file-manager/http'
import { BUCKET, type ClipJob, type ClipResult, connectRedis, openStore, QUEUE } from './shared.ts'

const manager = new TempFileManager({ name: BUCKET })
const store = openStore(manager)
const queue = new Queue<ClipJob, ClipResult>(QUEUE, {
  connection: connectRedis(),
  // A claim that waits for a dead worker's lease, or for the store, is tried again until it succeeds.
  defaultJobOptions: { attempts: 1000, backoff: { type: 'fixed', delay: 500 } },
})
await store.probe()

const app = express()
app.post('/clips', async (request, response) => {
  await using scope = manager.scope()
  const clip = await receiveBody(request, scope, { maxBytes: '1gb' })
  const ticket = await store.handOff(clip, { ttl: '1h' })
  // The ticket is the job's id too: a command that Redis gets twice is one job.
  await queue.add('clip', { ticket, bytes: clip.bytes }, { jobId: ticket }).catch(async (error: unknown) => {
    await store.discard(ticket) // refused: no worker will ever learn of it
    throw error
  })
  response.status(202).json({ job: ticket })
})
app.get('/jobs/:id', async (request, response) => {
  const job = await queue.getJob(request.params.id)
  response.json({ state: (await job?.getState()) ?? 'unknown', result: job?.returnvalue })
})
app.get('/jobs/:id/result', async (request, response) => {
  const job = await queue.getJob(request.params.id)
  const ticket = job?.returnvalue?.ticket
  if (ticket === undefined) return void response.status(404).json({ error: 'This job has no result (yet).' })
  await using claim = await store.claim(ticket)
  // Completes the claim when the client has the last byte; otherwise it is given back for the next download.
  await sendFile(request, response, claim, { remove: 'after-full-body' })
})
app.use((error: unknown, _: express.Request, response: express.Response, next: express.NextFunction) => {
  if (response.headersSent) return next(error)
  const { status, headers, body } = toProblem(error)
  if (status >= 500) console.error(error)
  response.status(status).set(headers).send(body)
})

const server = app.listen(0)
await once(server, 'listening')
const { port } = server.address() as AddressInfo // it listens on TCP
process.send?.({ port })
process.once('disconnect', () => process.exit())
