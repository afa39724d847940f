// The server of the soak, in a process of its own: node:http, Fetch (Hono), Express, multer, Fastify and HTTP/2. Asked
// over IPC, it reports everything that is open.

import { createHook } from 'node:async_hooks'
import { getEventListeners } from 'node:events'
import { mkdtempSync, readdirSync, readlinkSync, realpathSync, rmSync } from 'node:fs'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import {
  createServer as createHttp2Server,
  type Http2ServerRequest,
  type Http2ServerResponse,
} from 'node:http2'
import type { Server } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { getRequestListener } from '@hono/node-server'
import express, {
  type Request as ExpressRequest,
  type Response as ExpressResponse,
  type NextFunction,
} from 'express'
import Fastify, { type FastifyReply, type FastifyRequest } from 'fastify'
import multer from 'multer'
import { tempStorage, tempUpload } from '../../src/express/index.ts'
import tempFiles from '../../src/fastify/index.ts'
import {
  type Form,
  type FormOptions,
  type HttpRequest,
  receiveForm,
  toProblem,
} from '../../src/http/index.ts'
import { TempFileManager } from '../../src/index.ts'
import { REFUSALS, type Refusal } from './refusals.ts'

/** What is open in the server's process. */
export interface State {
  readonly requests: number
  readonly connections: number
  /** Files and directories of the sessions, the library's own left out. */
  readonly files: readonly string[]
  readonly descriptors: readonly string[]
  /** Active resources by type, and timers with and without a reference. */
  readonly resources: Readonly<Record<string, number>>
  readonly timers: number
  /** Of the process, of the signal that all requests share, and the library's on requests, responses and sockets. */
  readonly listeners: Readonly<Record<string, number>>
  readonly heapBytes: number
}

const timers = new Set<number>()
createHook({
  init(id, type) {
    if (type === 'Timeout' || type === 'Immediate') timers.add(id)
  },
  destroy(id) {
    timers.delete(id)
  },
}).enable()

const base = realpathSync(mkdtempSync(join(tmpdir(), 'tfm-soak-')))
const quiet = { baseDir: base, sweep: { onStart: false, every: false } } as const
const manager = new TempFileManager(quiet)
const full = new TempFileManager({ ...quiet, limits: { totalBytes: '1mb' } })
const closed = new TempFileManager(quiet)
const managers = { full, closed }
await closed.close()

/** Lives as long as the process: what listens to it must stop. */
const shutdown = new AbortController()

let requests = 0

/** A listener that the library has added to a request, its response or its socket. */
interface Added {
  readonly emitter: NodeJS.EventEmitter
  readonly event: string | symbol
  readonly listener: (...args: never[]) => void
}
let added: Added[] = []
const watched = new WeakSet<NodeJS.EventEmitter>()

/** Counts a request until its response is closed, and notes the library's listeners. */
function watch(req: IncomingMessage | Http2ServerRequest, res: ServerResponse | Http2ServerResponse): void {
  requests += 1
  res.once('close', () => {
    requests -= 1
  })
  for (const emitter of [req, res, req.socket]) noteListeners(emitter)
}

function noteListeners(emitter: NodeJS.EventEmitter): void {
  if (watched.has(emitter)) return // a connection that is kept
  watched.add(emitter)
  const { on } = emitter
  const note: typeof on = (event, listener) => {
    if (isCalledByLibrary(new Error().stack ?? '')) added.push({ emitter, event, listener })
    return on.call(emitter, event, listener)
  }
  // The emitter of HTTP/2's socket is a proxy that refuses to be changed.
  if (Reflect.set(emitter, 'on', note)) Reflect.set(emitter, 'addListener', note)
}

/** Whether the library itself calls `on` or `once`, and not Node on its behalf. */
function isCalledByLibrary(stack: string): boolean {
  const frames = stack.split('\n').slice(1)
  const caller = frames.find((frame) => !frame.includes('node:events') && !frame.includes('/test/soak/'))
  return caller?.includes('/src/') === true
}

/** The library's listeners that are still there, by event; asked when no request is open. */
function listenersLeft(): Record<string, number> {
  const left = added.filter(({ emitter, event, listener }) => emitter.rawListeners(event).includes(listener))
  added = left
  return count(left.map(({ emitter, event }) => `${emitter.constructor.name} ${String(event)}`))
}

function countListeners(emitter: NodeJS.EventEmitter): Record<string, number> {
  return Object.fromEntries(emitter.eventNames().map((name) => [String(name), emitter.listenerCount(name)]))
}

/** The last segment of a path: the index of a refusal, or 'whole'. */
function refusalOf(url: string | undefined): Refusal | undefined {
  return REFUSALS[Number(url?.split('/').at(-1) ?? '')]
}

function optionsOf(refusal: Refusal | undefined): FormOptions {
  if (refusal === undefined) return { hash: 'sha256', signal: shutdown.signal }
  return { signal: shutdown.signal, ...refusal.options() }
}

const managerOf = (refusal: Refusal | undefined): TempFileManager =>
  refusal?.manager === undefined ? manager : managers[refusal.manager]

function describe({ fields, files }: Form): object {
  return { fields, files: files.map(({ fieldName, bytes, digest }) => ({ fieldName, bytes, digest })) }
}

async function receive(req: HttpRequest, url: string | undefined): Promise<object> {
  const refusal = refusalOf(url)
  await using form = await receiveForm(req, managerOf(refusal), optionsOf(refusal))
  if (refusal?.handler === 'throw') throw new Error('the handler fails')
  return describe(form)
}

async function answer(
  req: IncomingMessage | Http2ServerRequest,
  res: ServerResponse | Http2ServerResponse,
): Promise<void> {
  const reply = res as ServerResponse // its overloads differ from those of HTTP/2, the calls below do not
  try {
    reply.end(JSON.stringify(await receive(req, req.url)))
  } catch (error) {
    const { status, headers, body } = toProblem(error)
    reply.writeHead(status, headers).end(String(body))
  }
}

// Without `autoCleanupIncoming: false` the adapter closes a refused request's connection after half a second.
const fetchListener = getRequestListener(
  async (request) => {
    try {
      return Response.json(await receive(request, request.url))
    } catch (error) {
      const { status, headers, body } = toProblem(error)
      return new Response(String(body), { status, headers })
    }
  },
  { autoCleanupIncoming: false },
)

const app = express()
for (const [index, refusal] of [...REFUSALS, undefined].entries()) {
  app.post(
    `/express/${refusal === undefined ? 'whole' : index}`,
    // Created for each request: a misspelt option throws here, and a signal may end at once.
    (req, res, next) => tempUpload(managerOf(refusal), optionsOf(refusal))(req, res, next),
    (req, res) => {
      if (refusal?.handler === 'throw') throw new Error('the handler fails')
      res.json(describe(req.upload))
    },
  )
}
app.post('/multer/whole', multer({ storage: tempStorage(manager, { hash: 'sha256' }) }).any(), (req, res) => {
  const files = Array.isArray(req.files) ? req.files : []
  res.json({
    fields: { ...req.body },
    files: files.map(({ fieldname, size, temp }) => ({
      fieldName: fieldname,
      bytes: size,
      digest: temp?.digest,
    })),
  })
})
app.post(
  '/multer/refused',
  multer({ storage: tempStorage(manager, { maxBytes: '100kb' }) }).any(),
  (_req, res) => {
    res.json({})
  },
)
app.use((error: unknown, _req: ExpressRequest, res: ExpressResponse, _next: NextFunction) => {
  const { status, headers, body } = toProblem(error)
  res.status(status).set(headers).send(String(body))
})

const fastify = Fastify({ forceCloseConnections: true })
await fastify.register(tempFiles, { manager })
fastify.addHook('onRequest', async (request, reply) => watch(request.raw, reply.raw))
fastify.post('/fastify/:index', async (request: FastifyRequest, reply: FastifyReply) => {
  const refusal = refusalOf(request.url)
  try {
    const form = await request.receiveForm(optionsOf(refusal))
    if (refusal?.handler === 'throw') throw new Error('the handler fails')
    return describe(form)
  } catch (error) {
    const { status, headers, body } = toProblem(error)
    return reply.code(status).headers(headers).send(String(body))
  }
})

const plain = createServer((req, res) => {
  watch(req, res)
  if (req.url?.startsWith('/fetch/') === true) void fetchListener(req, res)
  else if (req.url?.startsWith('/node/') === true) void answer(req, res)
  else app(req, res)
})
const second = createHttp2Server((req, res) => {
  watch(req, res)
  void answer(req, res)
})
await Promise.all([
  new Promise<void>((resolve) => plain.listen(0, '127.0.0.1', 1024, resolve)),
  new Promise<void>((resolve) => second.listen(0, '127.0.0.1', resolve)),
  fastify.listen({ port: 0, host: '127.0.0.1' }),
])
const servers: readonly Server[] = [plain, second, fastify.server]

const OWN = new Set(['owner.json', 'lease', 'lease-2', 'claims'])

function filesLeft(): string[] {
  return [manager, full].flatMap(({ sessionPath }) =>
    sessionPath === undefined ? [] : readdirSync(sessionPath).filter((name) => !OWN.has(name)),
  )
}

/** What the descriptors point to, without numbers: sockets and anonymous inodes differ only in those. */
function descriptors(): string[] {
  return readdirSync('/proc/self/fd').flatMap((fd) => {
    try {
      return [readlinkSync(`/proc/self/fd/${fd}`).replace(/:\[\d+\]/, '')]
    } catch {
      return [] // the one of this readdir
    }
  })
}

const connectionsOf = (server: Server): Promise<number> =>
  new Promise((resolve) => server.getConnections((_, count) => resolve(count)))

function count(names: readonly string[]): Record<string, number> {
  const counts: Record<string, number> = {}
  for (const name of names) counts[name] = (counts[name] ?? 0) + 1
  return counts
}

async function state(): Promise<State> {
  globalThis.gc?.()
  const connections = await Promise.all(servers.map(connectionsOf))
  return {
    requests,
    connections: connections.reduce((sum, each) => sum + each, 0),
    files: filesLeft(),
    descriptors: descriptors().sort(),
    resources: count(process.getActiveResourcesInfo()),
    timers: timers.size,
    listeners: {
      ...listenersLeft(),
      ...Object.fromEntries(
        Object.entries(countListeners(process)).map(([event, n]) => [`process ${event}`, n]),
      ),
      'shutdown signal': getEventListeners(shutdown.signal, 'abort').length,
    },
    heapBytes: process.memoryUsage().heapUsed,
  }
}

process.on('message', (question) => {
  if (question === 'state') void state().then((answer) => process.send?.(answer))
  else void end()
})

async function end(): Promise<void> {
  for (const server of servers) server.close()
  plain.closeAllConnections()
  await Promise.all([manager.close(), full.close(), fastify.close()])
  process.disconnect()
}

// Also when the soak has failed.
process.once('disconnect', () => {
  rmSync(base, { recursive: true, force: true })
  process.exit()
})

const portOf = (server: Server): number => {
  const address = server.address()
  return typeof address === 'object' && address !== null ? address.port : 0
}
process.send?.({ plain: portOf(plain), http2: portOf(second), fastify: portOf(fastify.server) })
