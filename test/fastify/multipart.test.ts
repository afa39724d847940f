import { readFileSync } from 'node:fs'
import multipartPlugin from '@fastify/multipart'
import Fastify, { type FastifyInstance } from 'fastify'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import tempFiles, { tempFiles as named } from '../../src/fastify/index.ts'
import type { TempFileManager } from '../../src/index.ts'
import { field, file, multipart, post } from '../http/clients.ts'
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

describe('a form is received', () => {
  test.each<[string, () => Promise<void>]>([
    [
      'by our own parser',
      async () => {
        await app.register(tempFiles, { manager })
        addRoute(app)
      },
    ],
    [
      'by our own parser, in a nested plugin',
      async () => {
        await app.register(tempFiles, { manager })
        await app.register(async (nested) => nested.register(async (deeper) => addRoute(deeper)))
      },
    ],
    [
      'by our own parser, registered in a nested plugin only',
      async () => {
        await app.register(async (nested) => {
          await nested.register(tempFiles, { manager })
          addRoute(nested)
        })
      },
    ],
    [
      'beside @fastify/multipart, registered after it',
      async () => {
        await app.register(multipartPlugin)
        await app.register(tempFiles, { manager, multipart: 'beside' })
        addRoute(app)
      },
    ],
    [
      'beside @fastify/multipart, registered before it',
      async () => {
        await app.register(tempFiles, { manager, multipart: 'beside' })
        await app.register(multipartPlugin)
        addRoute(app)
      },
    ],
    [
      'beside @fastify/multipart in a nested plugin',
      async () => {
        await app.register(tempFiles, { manager, multipart: 'beside' })
        await app.register(async (nested) => {
          await nested.register(multipartPlugin)
          addRoute(nested)
        })
      },
    ],
    [
      'beside @fastify/multipart, ours in the nested plugin',
      async () => {
        await app.register(multipartPlugin)
        await app.register(async (nested) => {
          await nested.register(tempFiles, { manager, multipart: 'beside' })
          addRoute(nested)
        })
      },
    ],
    [
      'with every content type caught by somebody',
      async () => {
        app.addContentTypeParser('*', (_request, _payload, done) => done(null))
        await app.register(named, { manager })
        addRoute(app)
      },
    ],
  ])('%s', async (_, register) => {
    await register()
    expect(await upload(await listening())).toEqual({ status: 200, body: { names: ['clip.avi'] } })
  })

  test('while @fastify/multipart still serves its own routes beside us', async () => {
    await app.register(tempFiles, { manager, multipart: 'beside' })
    await app.register(multipartPlugin)
    app.post('/theirs', async (request) => {
      const part = await request.file()
      return { names: [part?.filename], bytes: (await part?.toBuffer())?.length }
    })
    addRoute(app, '/ours')
    const url = await listening()
    expect((await upload(`${url}/theirs`)).body).toEqual({ names: ['clip.avi'], bytes: clip.length })
    expect((await upload(`${url}/ours`)).body).toEqual({ names: ['clip.avi'] })
  })
})

describe('a mistake of the program is named', () => {
  test.each([true, 'keyValues'] as const)(
    'attachFieldsToBody: %s has eaten the body',
    async (attachFieldsToBody) => {
      await app.register(multipartPlugin, { attachFieldsToBody })
      await app.register(tempFiles, { manager, multipart: 'beside' })
      addRoute(app)
      const { status, body } = await upload(await listening())
      expect([status, body.code]).toEqual([500, 'ERR_TEMP_OPTION_INVALID'])
      expect(body.message).toContain('Switch that option off')
    },
  )

  test('two parsers', async () => {
    await app.register(multipartPlugin)
    app.register(tempFiles, { manager })
    await expect(app.ready()).rejects.toMatchObject({
      code: 'ERR_TEMP_OPTION_INVALID',
      message: expect.stringContaining('beside'),
    })
  })

  test.each<[string, object]>([
    ['an unknown word for multipart', { multipart: 'both' }],
    ['a manager and options for one', { options: {} }],
  ])('%s', async (_, options) => {
    app.register(tempFiles, { manager, ...options })
    await expect(app.ready()).rejects.toMatchObject({ code: 'ERR_TEMP_OPTION_INVALID' })
  })
})
