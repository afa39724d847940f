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
import Fastify, { type FastifyReply, type FastifyRequest } from 'fastify'
import tempFiles from '../../src/fastify/index.ts'
import {
  type Form,
  type FormOptions,
  type HttpRequest,
  receiveBody,
  receiveForm,
  toProblem,
} from '../../src/http/index.ts'
import { TempFileManager } from '../../src/index.ts'
import { createApp } from './express-app.ts'
import { count, countListeners, listenersLeft, noteListeners } from './listeners.ts'
import { RAW_REFUSALS } from './raw-refusals.ts'
import { FORM_REFUSALS, type Refusal } from './refusals.ts'

/** The open descriptors of the server's process. */
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

/** Counts a request until its response is closed, and notes the library's listeners. */
function watch(req: IncomingMessage | Http2ServerRequest, res: ServerResponse | Http2ServerResponse): void {
  requests += 1
  res.once('close', () => {
    requests -= 1
  })
  for (const emitter of [req, res, req.socket]) noteListeners(emitter)
}

/** The kind and the index of a refusal, from the end of a path; neither for 'whole'. */
function refusalOf(url: string | undefined): { kind: string; index: number } {
  const [, kind = '', index] = /(raw|form)-(\d+)$/.exec(url ?? '') ?? []
  return { kind, index: Number(index) }
}

function optionsOf(refusal: Refusal | undefined): FormOptions {
  if (refusal === undefined) return { hash: 'sha256', signal: shutdown.signal }
  return { signal: shutdown.signal, ...refusal.options() }
}

const managerOf = (refusal: Pick<Refusal, 'manager'> | undefined): TempFileManager =>
  refusal?.manager === undefined ? manager : managers[refusal.manager]

function describe({ fields, files }: Form): object {
  return { fields, files: files.map(({ fieldName, bytes, digest }) => ({ fieldName, bytes, digest })) }
}

async function receive(req: HttpRequest, url: string | undefined): Promise<object> {
  const { kind, index } = refusalOf(url)
  if (kind === 'raw') return receiveRaw(req, index)
  const refusal = FORM_REFUSALS[index]
  await using form = await receiveForm(req, managerOf(refusal), optionsOf(refusal))
  if (refusal?.handler === 'throw') throw new Error('the handler fails')
  return describe(form)
}

async function receiveRaw(req: HttpRequest, index: number): Promise<object> {
  const refusal = RAW_REFUSALS[index]
  const options = { signal: shutdown.signal, ...refusal?.options() }
  await using file = await receiveBody(req, managerOf(refusal), options)
  if (refusal?.handler === 'throw') throw new Error('the handler fails')
  return { bytes: file.bytes }
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

const app = createApp({ managerOf, signal: shutdown.signal })

const fastify = Fastify({ forceCloseConnections: true })
await fastify.register(tempFiles, { manager })
fastify.addHook('onRequest', async (request, reply) => watch(request.raw, reply.raw))
fastify.post('/fastify/:index', async (request: FastifyRequest, reply: FastifyReply) => {
  const refusal = FORM_REFUSALS[refusalOf(request.url).index]
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

/** The targets of the descriptors, without numbers: sockets and anonymous inodes differ only in those. */
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
