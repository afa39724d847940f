import { sep } from 'node:path'
import { Readable } from 'node:stream'
import type { FastifyReply } from 'fastify'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import tempFiles, { type FormOptions } from '../../src/fastify/index.ts'
import type { SendResult } from '../../src/http/index.ts'
import { fileRules, type TempFile } from '../../src/index.ts'
import { answerBeforeBody, FORM_TYPE } from '../http/clients.ts'
import { addRoute, form, UploadApp, upload } from './upload-app.ts'

let here: UploadApp

beforeEach(() => {
  here = new UploadApp()
})

afterEach(() => here.end())

describe('errors', () => {
  test('errors have the status of their kind and reach the error handler', async () => {
    await here.app.register(tempFiles, { manager: here.manager, rules: { accept: fileRules.pdf } })
    addRoute(here.app)
    expect(await upload(await here.listening())).toMatchObject({
      status: 415,
      body: { code: 'ERR_TEMP_TYPE_REJECTED' },
    })
  })

  test('errors of a closed manager reach a client that sends on', async () => {
    await here.app.register(tempFiles, { manager: here.manager })
    addRoute(here.app)
    const { port } = new URL(await here.listening())
    await here.manager.close()
    expect(await answerBeforeBody(Number(port))).toMatch(/^HTTP\/1.1 503 /)
  })

  test('rules of the route win over those of the plugin, one by one', async () => {
    await here.app.register(tempFiles, {
      manager: here.manager,
      rules: { accept: fileRules.pdf, maxFields: 0 },
    })
    here.app.post('/', async (request) => request.receiveForm({ accept: fileRules.video }))
    here.app.post('/fields', async (request) => ({
      names: Object.keys((await request.receiveForm({ accept: fileRules.video, maxFields: 5 })).fields),
    }))
    const url = await here.listening()
    expect(await upload(url)).toMatchObject({ status: 413 })
    expect(await upload(`${url}/fields`)).toEqual({ status: 200, body: { names: ['a'] } })
  })
})

describe('request.temp', () => {
  test('request.temp ends with the response, also of inject()', async () => {
    await here.app.register(tempFiles, { manager: here.manager })
    here.app.get('/', async (request) => (await request.temp.receive('x')).bytes)
    expect((await here.app.inject('/')).body).toBe('1')
  })

  test('request.temp is one scope for the whole request', async () => {
    await here.app.register(tempFiles, { manager: here.manager })
    const scopes: unknown[] = []
    here.app.get('/', async (request) => {
      scopes.push(request.temp, request.temp)
      return ''
    })
    await here.app.inject('/')
    expect(scopes[0]).toBe(scopes[1])
  })

  test('request.temp ends when the handler throws', async () => {
    await here.app.register(tempFiles, { manager: here.manager })
    here.app.get('/', async (request) => {
      await request.temp.receive('x')
      throw new Error('the handler failed')
    })
    expect((await here.app.inject('/')).statusCode).toBe(500)
  })
})

describe('reply.sendTempFile', () => {
  beforeEach(async () => {
    await here.app.register(tempFiles, { manager: here.manager })
    here.app.get<{ Querystring: { remove?: 'after-full-body' } }>('/', async (request, reply) => {
      const made = await request.temp.receive('0123456789', { suffix: '.txt' })
      reply.header('x-mine', '1').header('set-cookie', ['a=1', 'b=2'])
      return reply.sendTempFile(made, { fileName: 'digits.txt', remove: request.query.remove })
    })
    here.app.get('/gone', async (request, reply) => {
      const made = request.temp.file()
      await made.remove()
      return reply.sendTempFile(made)
    })
  })

  test('reply.sendTempFile sends a range, a head and a whole file, with the headers of the reply', async () => {
    const url = await here.listening()
    const part = await fetch(url, { headers: { range: 'bytes=-3' } })
    expect([part.status, await part.text(), part.headers.get('x-mine'), part.headers.getSetCookie()]).toEqual(
      [206, '789', '1', ['a=1', 'b=2']],
    )
    const head = await fetch(url, { method: 'HEAD' })
    expect([head.status, head.headers.get('content-length')]).toEqual([200, '10'])
    const whole = await fetch(`${url}/?remove=after-full-body`)
    expect(await whole.text()).toBe('0123456789')
    expect(whole.headers.get('content-type')).toBe('text/plain; charset=utf-8')
  })

  test('reply.sendTempFile fails before the first byte through Fastify’s error handler', async () => {
    const response = await here.app.inject('/gone')
    expect([response.statusCode, response.json().code]).toEqual([410, 'ERR_TEMP_REMOVED'])
  })
})

describe('failures of reply.sendTempFile', () => {
  test.each<[string, (reply: FastifyReply, file: TempFile) => Promise<unknown>, string]>([
    [
      'a header option that HTTP does not allow',
      (reply, made) => reply.sendTempFile(made, { headers: { 'x-mine': 'a\nb' } }),
      'ERR_TEMP_OPTION_INVALID',
    ],
    [
      'a header of the reply that HTTP does not allow',
      (reply, made) => reply.header('x-mine', '€').sendTempFile(made),
      'ERR_TEMP_OPTION_INVALID',
    ],
    [
      'an unknown option',
      (reply, made) => reply.sendTempFile(made, { filename: 'x' } as never),
      'ERR_TEMP_OPTION_INVALID',
    ],
  ])('reply.sendTempFile answers %s with a 500 of the error handler', async (_, send, code) => {
    await here.app.register(tempFiles, { manager: here.manager })
    here.app.get('/', async (request, reply) => send(reply, await request.temp.receive('0123')))
    const response = await fetch(await here.listening(), { headers: { range: 'bytes=0-1' } })
    expect([response.status, response.statusText]).toEqual([500, 'Internal Server Error'])
    expect(await response.json()).toMatchObject({ code })
  })

  test('a failure of reply.sendTempFile after hijack() ends the response', async () => {
    await here.app.register(tempFiles, { manager: here.manager })
    here.app.get('/', async (request, reply) => {
      const made = await request.temp.receive('0123')
      // Another plugin may do this to the raw response: the head cannot be written.
      reply.raw.setHeader = () => {
        throw new Error('no more headers')
      }
      return reply.sendTempFile(made)
    })
    const failure = await fetch(await here.listening()).then(
      (response) => response.status,
      () => 'connection closed',
    )
    expect([500, 'connection closed']).toContain(failure)
  })
})

describe('closing the server', () => {
  test('closing the server closes the manager that the plugin made', async () => {
    await here.app.register(tempFiles, { options: { baseDir: here.premises.directory, name: 'own' } })
    const made = here.app.tempFiles.file()
    expect(made.path).toContain(`${sep}own-`)
    await here.app.close()
    expect(() => here.app.tempFiles.file()).toThrow(expect.objectContaining({ code: 'ERR_TEMP_CLOSED' }))
  })

  test('closing the server leaves a given manager open', async () => {
    await here.app.register(tempFiles, { manager: here.manager })
    await here.app.close()
    await here.manager.file().remove()
  })
})

describe('rules of a form', () => {
  let reads = 0
  /** Rules that note each time that they are read. */
  const rules = (maxFiles: number): FormOptions => ({
    get maxFiles() {
      reads += 1
      return maxFiles
    },
  })

  test('the rules of the plugin are read once, when it is registered', async () => {
    await here.app.register(tempFiles, { manager: here.manager, rules: rules(0) })
    addRoute(here.app)
    const url = await here.listening()
    reads = 0
    for (let round = 0; round < 3; round += 1) expect((await upload(url)).status).toBe(413)
    expect(reads).toBe(0)
  })

  test('the rules of the route win over the plugin’s, and are read once, when the route is declared', async () => {
    await here.app.register(tempFiles, { manager: here.manager, rules: { maxFiles: 0, maxFields: 0 } })
    here.app.post('/one', { config: { tempFiles: rules(1) } }, async (request) => {
      return (await request.receiveForm({ maxFields: 1 })).files.length
    })
    addRoute(here.app)
    const url = await here.listening()
    reads = 0
    expect(await upload(`${url}/one`)).toEqual({ status: 200, body: 1 })
    expect((await upload(url)).status).toBe(413)
    expect(reads).toBe(0)
  })
})

test.each([
  ['as one buffer', (): Buffer => form],
  ['as a stream', (): Readable => Readable.from([form.subarray(0, 50), form.subarray(50)])],
])('inject() with a form %s gets the refusal', async (_, payload) => {
  await here.app.register(tempFiles, { manager: here.manager })
  here.app.post('/none', (request) => request.receiveForm({ maxFiles: 0 }))
  const response = await here.app.inject({
    method: 'POST',
    url: '/none',
    payload: payload(),
    headers: { 'content-type': FORM_TYPE },
  })
  expect([response.statusCode, response.json().code]).toEqual([413, 'ERR_TEMP_TOO_LARGE'])
})

test("inject() of a download with remove: 'after-full-body' removes the file", async () => {
  await here.app.register(tempFiles, { manager: here.manager })
  const results: SendResult[] = []
  here.app.get('/file', async (_request, reply) => {
    const file = await here.manager.receive('content')
    results.push(await reply.sendTempFile(file, { remove: 'after-full-body' }))
  })
  expect((await here.app.inject('/file')).body).toBe('content')
  await expect.poll(() => results).toEqual([{ status: 200, bytes: 7, fullySent: true, removed: true }])
})

test('a form sent as something else is the client’s mistake', async () => {
  await here.app.register(tempFiles, { manager: here.manager })
  addRoute(here.app)
  const response = await here.app.inject({ method: 'POST', url: '/', payload: { a: 1 } })
  expect([response.statusCode, response.json().code]).toEqual([400, 'ERR_TEMP_FORM_INVALID'])
  const injected = await here.app.inject({
    method: 'POST',
    url: '/',
    payload: form,
    headers: { 'content-type': FORM_TYPE },
  })
  expect(injected.json()).toEqual({ names: ['clip.avi'] })
})
