import multipartPlugin from '@fastify/multipart'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import tempFiles, { tempFiles as named } from '../../src/fastify/index.ts'
import { addRoute, clip, UploadApp, upload } from './upload-app.ts'

let here: UploadApp

beforeEach(() => {
  here = new UploadApp()
})

afterEach(() => here.end())

describe('a form is received', () => {
  test.each<[string, () => Promise<void>]>([
    [
      'by our own parser',
      async () => {
        await here.app.register(tempFiles, { manager: here.manager })
        addRoute(here.app)
      },
    ],
    [
      'by our own parser, in a nested plugin',
      async () => {
        await here.app.register(tempFiles, { manager: here.manager })
        await here.app.register(async (nested) => nested.register(async (deeper) => addRoute(deeper)))
      },
    ],
    [
      'by our own parser, registered in a nested plugin only',
      async () => {
        await here.app.register(async (nested) => {
          await nested.register(tempFiles, { manager: here.manager })
          addRoute(nested)
        })
      },
    ],
    [
      'beside @fastify/multipart, registered after it',
      async () => {
        await here.app.register(multipartPlugin)
        await here.app.register(tempFiles, { manager: here.manager, parser: 'external' })
        addRoute(here.app)
      },
    ],
    [
      'beside @fastify/multipart, registered before it',
      async () => {
        await here.app.register(tempFiles, { manager: here.manager, parser: 'external' })
        await here.app.register(multipartPlugin)
        addRoute(here.app)
      },
    ],
    [
      'beside @fastify/multipart in a nested plugin',
      async () => {
        await here.app.register(tempFiles, { manager: here.manager, parser: 'external' })
        await here.app.register(async (nested) => {
          await nested.register(multipartPlugin)
          addRoute(nested)
        })
      },
    ],
    [
      'beside @fastify/multipart, this package’s in the nested plugin',
      async () => {
        await here.app.register(multipartPlugin)
        await here.app.register(async (nested) => {
          await nested.register(tempFiles, { manager: here.manager, parser: 'external' })
          addRoute(nested)
        })
      },
    ],
    [
      'with every content type handled by another plugin',
      async () => {
        here.app.addContentTypeParser('*', (_request, _payload, done) => done(null))
        await here.app.register(named, { manager: here.manager })
        addRoute(here.app)
      },
    ],
  ])('%s', async (_, register) => {
    await register()
    expect(await upload(await here.listening())).toEqual({ status: 200, body: { names: ['clip.avi'] } })
  })

  test('while @fastify/multipart still serves its own routes beside us', async () => {
    await here.app.register(tempFiles, { manager: here.manager, parser: 'external' })
    await here.app.register(multipartPlugin)
    here.app.post('/theirs', async (request) => {
      const part = await request.file()
      return { names: [part?.filename], bytes: (await part?.toBuffer())?.length }
    })
    addRoute(here.app, '/own')
    const url = await here.listening()
    expect((await upload(`${url}/theirs`)).body).toEqual({ names: ['clip.avi'], bytes: clip.length })
    expect((await upload(`${url}/own`)).body).toEqual({ names: ['clip.avi'] })
  })
})

describe('a mistake of the program is named', () => {
  test.each([true, 'keyValues'] as const)(
    'attachFieldsToBody: %s has eaten the body',
    async (attachFieldsToBody) => {
      await here.app.register(multipartPlugin, { attachFieldsToBody })
      await here.app.register(tempFiles, { manager: here.manager, parser: 'external' })
      addRoute(here.app)
      const { status, body } = await upload(await here.listening())
      expect([status, body.code]).toEqual([500, 'ERR_TEMP_OPTION_INVALID'])
      expect(body.message).toContain('Switch that option off')
    },
  )

  test('two parsers', async () => {
    await here.app.register(multipartPlugin)
    here.app.register(tempFiles, { manager: here.manager })
    await expect(here.app.ready()).rejects.toMatchObject({
      code: 'ERR_TEMP_OPTION_INVALID',
      message: expect.stringContaining('external'),
    })
  })

  test.each<[string, object]>([
    ['an unknown value of parser', { parser: 'both' }],
    ['a manager and options for one', { options: {} }],
  ])('%s', async (_, options) => {
    here.app.register(tempFiles, { manager: here.manager, ...options })
    await expect(here.app.ready()).rejects.toMatchObject({ code: 'ERR_TEMP_OPTION_INVALID' })
  })
})
