import { readFileSync } from 'node:fs'
import Fastify, { type FastifyInstance } from 'fastify'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import tempFiles from '../../src/fastify/index.ts'
import { fileRules, type TempFileManager } from '../../src/index.ts'
import { FORM_TYPE, field, file, multipart, post } from '../http/clients.ts'
import { media, Premises } from '../http/premises.ts'

let premises: Premises
let app: FastifyInstance
let manager: TempFileManager

beforeEach(() => {
  premises = new Premises()
  manager = premises.manager
  app = Fastify({ forceCloseConnections: true })
})

afterEach(async () => {
  await premises.expectNothingLeft()
  await app.close()
  await premises.expectNothingOpen()
  await premises.close()
})

const clip = readFileSync(media('clip.avi'))
const form = multipart([field('a', '1'), file('f', 'clip.avi', clip)])

async function listening(): Promise<string> {
  return app.listen({ port: 0, host: '127.0.0.1' })
}

async function upload(
  url: string,
): Promise<{ status: number; body: { message?: string; code?: string; names?: string[] } }> {
  const response = await post(url, form)
  return { status: response.status, body: (await response.json()) as { message?: string } }
}

function addRoute(instance: FastifyInstance, path = '/'): void {
  instance.post(path, async (request) => ({
    names: (await request.saveTempFiles()).files.map((one) => one.originalName),
  }))
}

describe('errors', () => {
  test('have the status of their kind and reach the error handler', async () => {
    await app.register(tempFiles, { manager, rules: { accept: fileRules.pdf } })
    addRoute(app)
    expect(await upload(await listening())).toMatchObject({
      status: 415,
      body: { code: 'ERR_TEMP_TYPE_REJECTED' },
    })
  })

  test('rules of the route win over those of the plugin, one by one', async () => {
    await app.register(tempFiles, { manager, rules: { accept: fileRules.pdf, maxFields: 0 } })
    app.post('/', async (request) => request.saveTempFiles({ accept: fileRules.video }))
    app.post('/fields', async (request) => ({
      names: Object.keys((await request.saveTempFiles({ accept: fileRules.video, maxFields: 5 })).fields),
    }))
    const url = await listening()
    expect(await upload(url)).toMatchObject({ status: 413 })
    expect(await upload(`${url}/fields`)).toEqual({ status: 200, body: { names: ['a'] } })
  })
})

describe('request.temp', () => {
  test('ends with the response, also of inject()', async () => {
    await app.register(tempFiles, { manager })
    app.get('/', async (request) => (await request.temp.receive('x')).bytes)
    expect((await app.inject('/')).body).toBe('1')
  })

  test('is made only when asked for, and is one for the request', async () => {
    await app.register(tempFiles, { manager })
    const scopes: unknown[] = []
    app.get('/', async (request) => {
      scopes.push(request.temp, request.temp)
      return ''
    })
    await app.inject('/')
    expect(scopes[0]).toBe(scopes[1])
  })

  test('ends when the handler throws', async () => {
    await app.register(tempFiles, { manager })
    app.get('/', async (request) => {
      await request.temp.receive('x')
      throw new Error('the handler failed')
    })
    expect((await app.inject('/')).statusCode).toBe(500)
  })
})

describe('reply.sendTemp', () => {
  beforeEach(async () => {
    await app.register(tempFiles, { manager })
    app.get<{ Querystring: { remove?: 'after-full-body' } }>('/', async (request, reply) => {
      const made = await request.temp.receive('0123456789', { suffix: '.txt' })
      reply.header('x-mine', '1').header('set-cookie', ['a=1', 'b=2'])
      return reply.sendTemp(made, { fileName: 'digits.txt', remove: request.query.remove })
    })
    app.get('/gone', async (request, reply) => {
      const made = request.temp.file()
      await made.remove()
      return reply.sendTemp(made)
    })
  })

  test('sends a range, a head and a whole file, with the headers of the reply', async () => {
    const url = await listening()
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

  test('fails before the first byte through Fastify’s error handler', async () => {
    const response = await app.inject('/gone')
    expect([response.statusCode, response.json().code]).toEqual([410, 'ERR_TEMP_REMOVED'])
  })
})

describe('closing the server', () => {
  test('closes the manager that the plugin made', async () => {
    await app.register(tempFiles, { options: { baseDir: premises.directory, name: 'own' } })
    const made = app.tempFiles.file()
    expect(made.path).toContain('/own-')
    await app.close()
    expect(() => app.tempFiles.file()).toThrow(expect.objectContaining({ code: 'ERR_TEMP_CLOSED' }))
  })

  test('leaves a manager that was given open', async () => {
    await app.register(tempFiles, { manager })
    await app.close()
    await manager.file().remove()
  })
})

test('a form sent as something else is the client’s mistake', async () => {
  await app.register(tempFiles, { manager })
  addRoute(app)
  const response = await app.inject({ method: 'POST', url: '/', payload: { a: 1 } })
  expect([response.statusCode, response.json().code]).toEqual([400, 'ERR_TEMP_FORM_INVALID'])
  const injected = await app.inject({
    method: 'POST',
    url: '/',
    payload: form,
    headers: { 'content-type': FORM_TYPE },
  })
  expect(injected.json()).toEqual({ names: ['clip.avi'] })
})
