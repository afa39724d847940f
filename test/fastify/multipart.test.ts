import multipartPlugin from '@fastify/multipart'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import tempFiles, { tempFiles as named } from '../../src/fastify/index.ts'
import { addRoute, clip, UploadApp, upload } from './upload-app.ts'

let here: UploadApp

beforeEach(() => {
  here = new UploadApp()
})

afterEach(() => here.end())

describe('receiving a form', () => {
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
      'beside @fastify/multipart, with this package in a nested plugin',
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
  ])('a form is received %s', async (_, register) => {
    await register()
    expect(await upload(await here.listening())).toEqual({ status: 200, body: { names: ['clip.avi'] } })
  })

  test('@fastify/multipart still serves its own routes beside the plugin', async () => {
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

describe('mistakes of the program', () => {
  test.each([true, 'keyValues'] as const)(
    'the error of a form that attachFieldsToBody: %s has eaten asks to switch that option off',
    async (attachFieldsToBody) => {
      await here.app.register(multipartPlugin, { attachFieldsToBody })
      await here.app.register(tempFiles, { manager: here.manager, parser: 'external' })
      addRoute(here.app)
      const { status, body } = await upload(await here.listening())
      expect([status, body.code]).toEqual([500, 'ERR_TEMP_OPTION_INVALID'])
      expect(body.message).toContain('Switch that option off')
    },
  )

  test('the plugin refuses a second parser of forms, and names the option that allows both', async () => {
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
  ])('the plugin refuses %s', async (_, options) => {
    here.app.register(tempFiles, { manager: here.manager, ...options })
    await expect(here.app.ready()).rejects.toMatchObject({ code: 'ERR_TEMP_OPTION_INVALID' })
  })
})
