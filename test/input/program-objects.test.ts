// Values that a JavaScript program may pass instead of a manager, a scope, a request or a response.

import { createServer, IncomingMessage, ServerResponse } from 'node:http'
import { Socket } from 'node:net'
import Fastify from 'fastify'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { tempScope, tempStorage, tempUpload } from '../../src/express/index.ts'
import tempFiles from '../../src/fastify/index.ts'
import { fetchFile, fileResponse, putFile, receiveBody, receiveForm, sendFile } from '../../src/http/index.ts'
import { resumableUploads } from '../../src/resumable/index.ts'
import { S3Handoffs } from '../../src/s3/index.ts'
import { TempFileLocker, TempFileStore, tusServer } from '../../src/tus/index.ts'
import { failure } from '../fixtures/failures.ts'
import { Premises } from '../http/premises.ts'

let premises: Premises

beforeEach(() => {
  premises = new Premises()
})

afterEach(async () => {
  await premises.expectNothingLeft()
  await premises.close()
})

/** As JavaScript calls it: with values of any type. */
type Call = (wrong: never) => unknown

const NOWHERE = 'http://127.0.0.1:9/'
const put = (): Request => new Request(NOWHERE, { method: 'PUT', body: 'x' })
const form = (): Request => {
  const body = new FormData()
  body.set('long', 'a text of several bytes')
  body.set('file', new Blob(['bytes']), 'a.txt')
  return new Request(NOWHERE, { method: 'POST', body })
}
const nodeRequest = (): IncomingMessage => new IncomingMessage(new Socket())
const nodeResponse = (): ServerResponse => new ServerResponse(nodeRequest())

describe('wrong managers', () => {
  const calls: [string, Call, boolean][] = [
    ['tempScope', tempScope, true],
    ['tempUpload', (manager) => tempUpload(manager, {}), true],
    ['tempStorage', (manager) => tempStorage(manager, {}), true],
    ['the Fastify plugin', (manager) => Fastify().register(tempFiles, { manager }).ready(), true],
    ['resumableUploads', (manager) => resumableUploads(manager), false],
    ['tusServer', (manager) => tusServer(manager, { path: '/files' }), false],
    ['TempFileStore', (manager) => new TempFileStore(manager), false],
    ['TempFileLocker', (manager) => new TempFileLocker(manager), false],
    [
      'S3Handoffs',
      (manager) => new S3Handoffs({ client: { send: () => {} } as never, bucket: 'b', manager }),
      true,
    ],
  ]
  test.each(calls)(
    '%s refuses a wrong manager when it is called, not at the first request',
    async (_, call, hasDefault) => {
      const values: readonly unknown[] = [null, {}, 5, 'x', [], { maxBytes: '5mb' }, premises.manager.scope()]
      for (const wrong of hasDefault ? values : [undefined, ...values]) {
        const { details } = await failure('ERR_TEMP_OPTION_INVALID', () => call(wrong as never))
        expect(details.option).toBe('manager')
      }
    },
  )
})

describe('wrong owners', () => {
  const calls: [string, Call][] = [
    ['receiveForm', (owner) => receiveForm(form(), owner, { maxFields: 1, maxFieldBytes: 2 })],
    ['receiveBody', (owner) => receiveBody(put(), owner)],
    ['fetchFile', (owner) => fetchFile(NOWHERE, owner)],
  ]
  test.each(calls)('%s refuses a wrong owner', async (_, call) => {
    for (const wrong of [undefined, null, {}, 5, 'x', { maxFields: 1 }]) {
      const { details } = await failure('ERR_TEMP_OPTION_INVALID', () => call(wrong as never))
      expect(details.option).toBe('owner')
    }
  })

  test('the client of a form without an owner can read the answer', async () => {
    const server = createServer(async (req, res) => {
      const call = receiveForm as unknown as (request: IncomingMessage) => Promise<unknown>
      const { details } = await failure('ERR_TEMP_OPTION_INVALID', () => call(req))
      res.writeHead(500).end(details.option)
    })
    await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve))
    const { port } = server.address() as { port: number }
    const response = await fetch(`http://127.0.0.1:${port}`, { method: 'POST', body: new FormData() })
    expect(await response.text()).toBe('owner')
    server.closeAllConnections()
    await new Promise((resolve) => server.close(resolve))
  })
})

describe('wrong requests and responses', () => {
  const entry = { path: '/etc/hostname' }
  const calls: [string, string, Call][] = [
    ['receiveForm', 'request', (request) => receiveForm(request, premises.manager)],
    ['receiveBody', 'request', (request) => receiveBody(request, premises.manager)],
    ['fileResponse', 'request', (request) => fileResponse(request, entry)],
    ['sendFile', 'req', (req) => sendFile(req, nodeResponse(), entry)],
    ['sendFile', 'res', (res) => sendFile(nodeRequest(), res, entry)],
  ]
  test.each(calls)('%s refuses a wrong %s, and nothing is open afterwards', async (_, argument, call) => {
    for (const wrong of [undefined, null, {}, 5, 'x', { headers: {} }, new Response('x')]) {
      const { details } = await failure('ERR_TEMP_OPTION_INVALID', () => call(wrong as never))
      expect(details.option).toBe(argument)
    }
  })

  test.each<[string, () => unknown, RegExp]>([
    ["Hono's c", () => receiveForm({ req: { raw: put() } } as never, premises.manager), /c\.req\.raw/],
    ["Hono's c.req", () => receiveBody({ raw: put() } as never, premises.manager), /c\.req\.raw/],
    ["Hono's c.req", () => fileResponse({ raw: put() } as never, entry), /c\.req\.raw/],
    ["Koa's ctx", () => receiveForm({ req: nodeRequest() } as never, premises.manager), /ctx\.req\b/],
    ["Koa's ctx", () => sendFile(nodeRequest(), { res: nodeResponse() } as never, entry), /ctx\.res\b/],
    ["Fastify's reply", () => sendFile(nodeRequest(), { raw: nodeResponse() } as never, entry), /reply\.raw/],
    ['a Fetch request', () => sendFile(put() as never, nodeResponse(), entry), /fileResponse/],
    ['a Node request', () => fileResponse(nodeRequest() as never, entry), /sendFile/],
  ])('the refusal of %s names what to pass instead', async (_, call, says) => {
    expect((await failure('ERR_TEMP_OPTION_INVALID', call)).message).toMatch(says)
  })
})

test.each<[string, Call]>([
  ['sendFile', (file) => sendFile(nodeRequest(), nodeResponse(), file)],
  ['fileResponse', (file) => fileResponse(new Request(NOWHERE), file)],
  ['putFile', (file) => putFile(NOWHERE, file)],
])('%s refuses what is not a file', async (_, call) => {
  for (const wrong of [undefined, null, {}, 5, '/etc/hostname', { path: 5 }]) {
    const { details } = await failure('ERR_TEMP_OPTION_INVALID', () => call(wrong as never))
    expect(details.option).toBe('file')
  }
})
