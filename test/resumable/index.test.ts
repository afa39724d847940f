// The fronts of the draft's server. Guarantee: every framework serves the same protocol: create, ask, append, cancel, and 104
// where the protocol below has it.

import { once } from 'node:events'
import { createServer, request } from 'node:http'
import { connect, createServer as createHttp2Server } from 'node:http2'
import type { AddressInfo, Server } from 'node:net'
import express from 'express'
import Fastify from 'fastify'
import { Hono } from 'hono'
import { expect, onTestFinished, test } from 'vitest'
import { type ResumableUploads, resumableUploads } from '../../src/resumable/index.ts'
import { tempManager } from '../fixtures/temp-base.ts'

interface Answer {
  readonly status: number
  readonly headers: Readonly<Record<string, unknown>>
  readonly body: string
  /** Whether a 104 came before it. */
  readonly informed: boolean
}

interface Front {
  send(method: string, path: string, headers?: Record<string, string>, body?: string): Promise<Answer>
  /** The framework's own route beside the uploads still has its body parsed. */
  readonly beside?: string
}

const VERSION = { 'Upload-Draft-Interop-Version': '8' }

async function listening(server: Server): Promise<number> {
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  onTestFinished(() => void server.close())
  return (server.address() as AddressInfo).port // it listens on a port
}

function overHttp(port: number): Front['send'] {
  return async (method, path, headers = {}, body = '') => {
    const length = { 'Content-Length': String(body.length) }
    const req = request({
      port,
      host: '127.0.0.1',
      method,
      path,
      headers: { ...length, ...headers },
      agent: false,
    })
    let informed = false
    req.on('information', ({ statusCode }) => (informed ||= statusCode === 104))
    req.end(body)
    const [res] = await once(req, 'response')
    let text = ''
    for await (const chunk of res) text += chunk
    return { status: res.statusCode, headers: res.headers, body: text, informed }
  }
}

function overHttp2(port: number): Front['send'] {
  const session = connect(`http://127.0.0.1:${port}`)
  onTestFinished(() => session.destroy())
  return async (method, path, headers = {}, body = '') => {
    const endStream = body === ''
    const stream = session.request({ ':method': method, ':path': path, ...headers }, { endStream })
    let informed = false
    stream.on('headers', (sent) => (informed ||= sent[':status'] === 104))
    if (!endStream) stream.end(body)
    const [sent] = await once(stream, 'response')
    let text = ''
    for await (const chunk of stream) text += chunk
    return { status: sent[':status'], headers: sent, body: text, informed }
  }
}

const FRONTS: Readonly<Record<string, (uploads: ResumableUploads) => Promise<Front>>> = {
  'node:http': async (uploads) => ({ send: overHttp(await listening(createServer(uploads.handle))) }),
  'node:http2': async (uploads) => ({ send: overHttp2(await listening(createHttp2Server(uploads.handle))) }),
  async Express(uploads) {
    const app = express()
    app.use('/files', uploads.handle)
    app.use(express.json())
    app.post('/beside', (req, res) => void res.send(req.body))
    return { send: overHttp(await listening(createServer(app))), beside: '/beside' }
  },
  async Fastify(uploads) {
    const app = Fastify()
    app.register(uploads.fastify, { prefix: '/files' })
    app.post('/beside', (req, reply) => reply.send(req.body))
    onTestFinished(() => app.close())
    await app.listen({ port: 0, host: '127.0.0.1' })
    return { send: overHttp((app.server.address() as AddressInfo).port), beside: '/beside' } // it listens on a port
  },
  async 'Hono, by the Fetch API'(uploads) {
    const app = new Hono()
    app.all('/files/*', (context) => uploads.fetch(context.req.raw))
    app.post('/beside', async (context) => context.json(await context.req.json()))
    return {
      beside: '/beside',
      async send(method, path, headers = {}, body = '') {
        const response = await app.request(path, {
          method,
          headers: { 'Content-Length': String(body.length), ...headers },
          ...(body === '' ? {} : { body }),
        })
        const { status } = response
        return {
          status,
          headers: Object.fromEntries(response.headers),
          body: await response.text(),
          informed: false,
        }
      },
    }
  },
}

test.each(Object.entries(FRONTS))(
  'on %s an upload is created, asked for, continued, finished and cancelled',
  async (name, front) => {
    const manager = tempManager()
    const { send, beside } = await front(resumableUploads(manager))
    const created = await send('POST', '/files', { ...VERSION, 'Upload-Complete': '?0' }, '12345')
    expect([created.status, created.headers['upload-complete']]).toEqual([201, '?0'])
    expect(created.informed).toBe(!name.startsWith('Hono'))
    const path = String(created.headers['location'])
    expect(path).toMatch(/^\/files\/u/)

    const asked = await send('HEAD', path, VERSION)
    expect([asked.status, asked.headers['upload-offset']]).toEqual([204, '5'])

    const append = { ...VERSION, 'Content-Type': 'application/partial-upload' }
    const ended = await send(
      'PATCH',
      path,
      { ...append, 'Upload-Offset': '5', 'Upload-Complete': '?1' },
      '678',
    )
    expect([ended.status, ended.headers['upload-complete']]).toEqual([200, '?1'])
    const { ticket } = JSON.parse(ended.body)
    expect(await manager.inspect(ticket)).toMatchObject({ bytes: 8 })

    const other = await send('PUT', '/files', { ...VERSION, 'Upload-Complete': '?0' }, 'x')
    expect((await send('DELETE', String(other.headers['location']), VERSION)).status).toBe(204)
    expect((await manager.uploads()).map(({ state }) => state)).toEqual(['finished'])

    if (beside === undefined) return
    const json = await send('POST', beside, { 'Content-Type': 'application/json' }, '{"parsed":true}')
    expect(JSON.parse(json.body)).toEqual({ parsed: true })
  },
)

test('a middleware that throws when the answer is written costs one connection, not the process', async () => {
  const uploads = resumableUploads(tempManager())
  const answered: Promise<void>[] = []
  const server = createServer((req, res) => {
    res.writeHead = () => {
      throw new Error('a hook of a middleware')
    }
    answered.push(uploads.handle(req, res))
  })
  const send = overHttp(await listening(server))
  await expect(send('POST', '/files', {}, 'hello')).rejects.toMatchObject({ code: 'ECONNRESET' })
  await expect(answered[0]).resolves.toBeUndefined()
})
