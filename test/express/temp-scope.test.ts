import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { connect } from 'node:net'
import express from 'express'
import multer from 'multer'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { sendFile, tempScope, tempStorage, tempUpload } from '../../src/express/index.ts'
import { isTempFileError, setTempManager, type TempScope } from '../../src/index.ts'
import { answerBeforeBody, field, file, multipart, post } from '../http/clients.ts'
import { expressServer } from './express-server.ts'

const here = expressServer()

describe('req.temp', () => {
  test('req.temp lives until the response is over, and its signal aborts first', async () => {
    const order: string[] = []
    let scope: TempScope | undefined
    here.app.use(tempScope(here.premises.manager))
    here.app.get('/', async (req, res) => {
      scope = req.temp
      const made = await req.temp.receive('content')
      req.temp.signal.addEventListener('abort', () =>
        order.push(`aborted, file there: ${existsSync(made.path)}`),
      )
      res.on('close', () => order.push('closed'))
      res.sendFile(made.path, { dotfiles: 'allow' })
    })
    const response = await fetch(here.server.url)
    expect(await response.text()).toBe('content')
    await here.premises.expectNothingLeft()
    expect(order).toContain('aborted, file there: true')
    expect(() => scope?.file()).toThrow(expect.objectContaining({ code: 'ERR_TEMP_CLOSED' }))
  })

  test('req.temp is the same for every middleware of a request, and another one for the next request', async () => {
    const scopes: TempScope[] = []
    here.app.use(tempScope(here.premises.manager), tempScope(here.premises.manager))
    here.app.use((req, _res, next) => {
      scopes.push(req.temp)
      next()
    })
    here.app.post('/', tempUpload(here.premises.manager), (req, res) => {
      scopes.push(req.temp)
      res.end()
    })
    await (await post(here.server.url, multipart([]))).text()
    await (await post(here.server.url, multipart([]))).text()
    expect(scopes[0]).toBe(scopes[1])
    expect(scopes[2]).toBe(scopes[3])
    expect(scopes[0]).not.toBe(scopes[2])
  })

  test('req.temp ends when the client goes away while the handler runs', async () => {
    here.app.use(tempScope(here.premises.manager))
    const ended = new Promise<void>((resolve) => {
      here.app.get('/', async (req) => {
        await req.temp.receive('content')
        req.temp.signal.addEventListener('abort', () => resolve())
        socket.destroy()
      })
    })
    const socket = connect(here.server.port, '127.0.0.1', () =>
      socket.write('GET / HTTP/1.1\r\nHost: x\r\n\r\n'),
    )
    await ended
  })

  test('req.temp has ended already when the client went away before it was made', async () => {
    const result = new Promise<unknown>((resolve) => {
      here.app.use((_req, res, next) => void res.once('close', () => next()))
      here.app.use(tempScope(here.premises.manager))
      here.app.use((req) => void req.temp.receive('x').catch(resolve))
    })
    const socket = connect(here.server.port, '127.0.0.1', () =>
      socket.write('GET / HTTP/1.1\r\nHost: x\r\n\r\n'),
    )
    await once(here.server.server, 'request')
    socket.destroy()
    expect(await result).toMatchObject({ code: 'ERR_TEMP_CLOSED' })
  })

  test('tempScope calls next once, also when next throws: the error reaches the caller of tempScope', async () => {
    const calls: unknown[] = []
    const scoped = tempScope(here.premises.manager)
    const next = (error?: unknown): never => {
      calls.push(error)
      throw new Error('the handler failed')
    }
    here.app.get('/', (req, res) => {
      expect(() => scoped(req, res, next)).toThrow('the handler failed')
      res.end('answered')
    })
    expect(await (await fetch(here.server.url)).text()).toBe('answered')
    expect(calls).toEqual([undefined])
  })

  test('tempScope of a closed manager fails by next(error)', async () => {
    await here.premises.manager.close()
    here.app.use(tempScope(here.premises.manager))
    here.app.use((req) => void req.temp.file())
    here.app.use(((error, _req, res, _next) =>
      res.status(isTempFileError(error) ? error.status : 500).end()) satisfies express.ErrorRequestHandler)
    const response = await fetch(here.server.url)
    expect(response.status).toBe(503)
    await response.text()
  })

  test.each([
    ['tempScope', () => tempScope(here.premises.manager)],
    ['tempUpload', () => tempUpload(here.premises.manager)],
  ])('%s of a closed manager refuses, and a client that sends on can read the answer', async (_, make) => {
    const middleware = make()
    await here.premises.manager.close()
    here.app.use(middleware)
    here.app.use(((error, _req, res, _next) =>
      res.status(isTempFileError(error) ? error.status : 500).end()) satisfies express.ErrorRequestHandler)
    expect(await answerBeforeBody(here.server.port)).toMatch(/^HTTP\/1.1 503 /)
  })

  test('sendFile serves a range of a file of req.temp', async () => {
    here.app.get('/', tempScope(here.premises.manager), async (req, res) => {
      const made = await req.temp.receive('0123456789')
      res.setHeader('x-mine', '1')
      await sendFile(req, res, made, { fileName: 'digits.txt' })
    })
    const response = await fetch(here.server.url, { headers: { range: 'bytes=2-4' } })
    expect([response.status, await response.text(), response.headers.get('x-mine')]).toEqual([
      206,
      '234',
      '1',
    ])
  })
})

describe('status lines of sendFile', () => {
  const errors = ((error, _req, res, _next) => {
    res.status(isTempFileError(error) ? error.status : 500).end(String(error.code))
  }) satisfies express.ErrorRequestHandler

  /** The status line as sent: fetch does not show the reason phrase of a status that the server set twice. */
  async function statusLine(): Promise<string> {
    const socket = connect(here.server.port, '127.0.0.1', () =>
      socket.write('GET / HTTP/1.1\r\nHost: x\r\nRange: bytes=0-1\r\nConnection: close\r\n\r\n'),
    )
    const [answer] = await once(socket, 'data')
    socket.destroy()
    return String(answer).split('\r\n')[0] ?? ''
  }

  test('a file that an invalid header stops is answered with the reason phrase of the error', async () => {
    here.app.get('/', tempScope(here.premises.manager), async (req, res) => {
      await sendFile(req, res, await req.temp.receive('0123'), { headers: { 'x-mine': 'a\r\nb' } })
    })
    here.app.use(errors)
    expect(await statusLine()).toBe('HTTP/1.1 500 Internal Server Error')
  })

  test('an earlier status does not leave its reason phrase to the file', async () => {
    here.app.get('/', tempScope(here.premises.manager), async (req, res) => {
      res.status(404).statusMessage = 'Not Found'
      await sendFile(req, res, await req.temp.receive('0123'))
    })
    expect(await statusLine()).toBe('HTTP/1.1 206 Partial Content')
  })
})

describe('the default manager', () => {
  beforeEach(() => setTempManager(undefined))
  afterEach(() => setTempManager(undefined))

  test.each<[string, () => express.RequestHandler]>([
    ['tempScope', () => tempScope()],
    ['tempUpload', () => tempUpload()],
    ['tempUpload with options', () => tempUpload({ maxFiles: 1 })],
    ['tempUpload with undefined and options', () => tempUpload(undefined, { maxFiles: 1 })],
    ['multer with tempStorage', () => multer({ storage: tempStorage() }).single('f')],
    [
      'multer with tempStorage and options',
      () => multer({ storage: tempStorage({ maxBytes: 10 }) }).single('f'),
    ],
  ])('without a manager, %s sets req.temp of the default manager of the moment', async (_, create) => {
    here.app.post('/', create(), async (req, res) => {
      const made = await req.temp.receive('x')
      res.json(made.path.startsWith(here.premises.directory))
    })
    setTempManager(here.premises.manager) // after the middleware was created
    const response = await post(here.server.url, multipart([file('f', 'a', 'x')]))
    expect(await response.json()).toBe(true)
  })
})

test('tempUpload leaves req.file and req.files to multer', async () => {
  here.app.post(
    '/',
    tempUpload(here.premises.manager),
    (req, res) => void res.json({ file: 'file' in req, files: 'files' in req }),
  )
  const response = await post(here.server.url, multipart([file('f', 'a', 'x')]))
  expect(await response.json()).toEqual({ file: false, files: false })
})

test('tempUpload after a body parser that has eaten the form is the program’s mistake', async () => {
  here.app.use(express.raw({ type: '*/*' }))
  here.app.post('/', tempUpload(here.premises.manager))
  here.app.use(((error, _req, res, _next) =>
    res.status(500).end(String(isTempFileError(error) && error.code))) satisfies express.ErrorRequestHandler)
  const response = await post(here.server.url, multipart([field('a', '1')]))
  expect(await response.text()).toBe('ERR_TEMP_OPTION_INVALID')
})
