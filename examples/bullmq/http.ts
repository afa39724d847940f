// The HTTP process. PUT /clips/:name receives a clip, hands it off, queues its ticket and answers 202; GET
// /jobs/:id reports its state; GET /jobs/:id/result serves the result once, whole. Guarantee: a request that
// fails anywhere leaves no file, and one that is answered with 202 leaves its clip for the workers.

import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { type Job, Queue } from 'bullmq'
import closeWithGrace from 'close-with-grace'
import { fileRules } from 'temp-file-manager'
import { receiveBody, sendFile, toProblem } from 'temp-file-manager/http'
import type { ClipMeta } from '../service/meta.ts'
import { type ClipJob, type ClipResult, connect, openManager, QUEUE } from './queue.ts'

export interface Listening {
  readonly url: string
}

const manager = openManager()
const connection = connect({ failFast: true })
const queue = new Queue<ClipJob, ClipResult>(QUEUE, {
  connection,
  defaultJobOptions: { attempts: 3, backoff: { type: 'fixed', delay: 100 } },
})

async function route(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const { pathname, searchParams } = new URL(request.url ?? '/', 'http://localhost')
  const [, collection = '', id = '', part] = pathname.split('/')
  if (request.method === 'PUT' && collection === 'clips')
    return await put(request, response, decoded(id), searchParams)
  // The state first: a job that was read before it was completed has no result yet.
  const state = collection === 'jobs' ? await queue.getJobState(id) : 'unknown'
  const job = state === 'unknown' ? undefined : await queue.getJob(id)
  if (job === undefined) return json(response, 404, { error: 'Not found.' })
  if (part === 'result') {
    if (state === 'completed') return await result(request, response, job)
    return json(response, 404, { error: 'This job has no result (yet).' })
  }
  json(response, 200, {
    state,
    attempts: job.attemptsMade,
    result: job.returnvalue,
    error: job.failedReason,
  })
}

/** A segment of the address; one that cannot be decoded is the client's mistake. */
function decoded(segment: string): string {
  try {
    return decodeURIComponent(segment)
  } catch {
    throw Object.assign(new Error('The address cannot be decoded.'), { status: 400, expose: true })
  }
}

async function put(
  request: IncomingMessage,
  response: ServerResponse,
  name: string,
  query: URLSearchParams,
): Promise<void> {
  await using scope = manager.scope()
  const clip = await receiveBody(request, scope, { accept: fileRules.video, hash: 'sha256', fileName: name })
  const meta: ClipMeta = {
    kind: 'clip',
    job: randomUUID(),
    name: clip.originalName,
    bytes: clip.bytes,
    sha256: clip.digest ?? '',
  }
  const ticket = await clip.handOff({ meta, ttl: query.get('ttl') ?? undefined })
  const trouble = query.get('trouble')
  const job = await queue
    .add('clip', { ticket, trouble: trouble === 'throws' || trouble === 'holds' ? trouble : undefined })
    .catch(async (error: unknown) => {
      await manager.discard(ticket) // no worker will ever learn of it
      console.error('The queue refuses the job:', error)
    })
  if (job === undefined)
    return json(response, 503, { error: 'The queue does not accept jobs now. Try again later.' })
  json(response, 202, { job: job.id, ticket })
}

/** The result's handoff ends when a client has its last byte; a download that breaks off leaves it for the next. */
async function result(
  request: IncomingMessage,
  response: ServerResponse,
  job: Job<ClipJob, ClipResult>,
): Promise<void> {
  await using file = await manager.claim(job.returnvalue.ticket)
  await sendFile(request, response, file, { fileName: job.returnvalue.name, remove: 'after-full-body' })
}

function json(response: ServerResponse, status: number, body: unknown): void {
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body))
}

const server = createServer((request, response) => {
  route(request, response).catch((error: unknown) => {
    const { status, headers, body } = toProblem(error)
    if (status >= 500) console.error(error)
    if (response.headersSent) response.destroy()
    else response.writeHead(status, headers).end(JSON.stringify(body))
  })
})
server.listen(0, '127.0.0.1')
await once(server, 'listening')
// A TCP server that listens has an AddressInfo; the string is for pipes.
const { port } = server.address() as AddressInfo
process.send?.({ url: `http://127.0.0.1:${port}/` } satisfies Listening)

const { close } = closeWithGrace({ delay: 5_000 }, async () => {
  server.close()
  server.closeAllConnections()
  await queue.close()
  connection.disconnect()
  await manager.close()
})
if (process.connected) process.once('disconnect', close)
