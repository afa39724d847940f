import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type express from 'express'
import multer from 'multer'
import { expect, test } from 'vitest'
import { tempStorage } from '../../src/express/index.ts'
import { fileRules, isTempFileError } from '../../src/index.ts'
import { announced, curl, field, file, halfPost, multipart, post } from '../http/clients.ts'
import { media } from '../http/premises.ts'
import { expressServer } from './express-server.ts'

const here = expressServer()

const clip = readFileSync(media('clip.mp4'))

const asked = (): ReturnType<typeof multer> =>
  multer({
    storage: tempStorage(here.premises.manager, { accept: fileRules.video, hash: 'md5' }),
    limits: { fileSize: 1_000_000, files: 2 },
  })

test('multer stores into req.temp, and its files are removed with the response unless handed off', async () => {
  here.app.post('/', asked().array('f'), async (req, res) => {
    const files = Array.isArray(req.files) ? req.files : []
    const ticket = await files[1]?.temp?.handOff()
    res.json({
      ticket,
      files: files.map(({ originalname, size, filename, path, destination, temp }) => ({
        originalname,
        size,
        same: path === join(destination, filename),
        type: temp?.detectedType,
      })),
    })
  })
  const response = await post(
    here.server.url,
    multipart([file('f', 'a.mp4', clip), file('f', 'b.mp4', clip), field('x', '1')]),
  )
  const { ticket, files } = (await response.json()) as { ticket: string; files: unknown }
  expect(files).toEqual(
    ['a.mp4', 'b.mp4'].map((originalname) => ({
      originalname,
      size: clip.length,
      same: true,
      type: 'video/mp4',
    })),
  )
  await here.premises.expectNothingLeft()
  await here.premises.manager.discard(ticket)
})

const errors = ((error, _req, res, _next) => {
  res.status(isTempFileError(error) ? error.status : 400).end(String(error.code))
}) satisfies express.ErrorRequestHandler

test.each<[string, () => Buffer, string]>([
  [
    'a disguised file',
    () => multipart([file('f', 'a.mp4', clip), file('f', 'b.mp4', Buffer.alloc(10_000))]),
    '415 ERR_TEMP_TYPE_REJECTED',
  ],
  [
    'a disguised file with 40 MB that have not arrived',
    () => multipart([file('f', 'b.mp4', Buffer.alloc(40_000_000))]),
    '415 ERR_TEMP_TYPE_REJECTED',
  ],
  [
    'a file over multer’s own limit',
    () =>
      multipart([
        file('f', 'a.mp4', clip),
        file('f', 'a.mp4', Buffer.concat([clip, Buffer.alloc(1_000_000)])),
      ]),
    '400 LIMIT_FILE_SIZE',
  ],
  ['too many files', () => multipart([1, 2, 3].map(() => file('f', 'a.mp4', clip))), '400 LIMIT_FILE_COUNT'],
])('multer with tempStorage refuses %s and leaves nothing', async (_, body, expected) => {
  here.app.post('/', asked().array('f'), (_req, res) => void res.end())
  here.app.use(errors)
  const response = await post(here.server.url, body())
  expect(`${response.status} ${await response.text()}`).toBe(expected)
})

test('the error of a file names its field', async () => {
  here.app.post('/', asked().array('f'))
  here.app.use(
    ((error, _req, res, _next) => void res.json(error.details)) satisfies express.ErrorRequestHandler,
  )
  const response = await post(here.server.url, multipart([file('f', 'b.mp4', Buffer.alloc(10_000))]))
  expect(await response.json()).toMatchObject({ field: 'f' })
})

test('a disguised file is refused at once, although the client has announced a gigabyte', async () => {
  here.app.post('/', asked().array('f'))
  here.app.use(errors)
  const socket = await announced(here.server.port, '/', 'f', 1024 ** 3)
  const [answer] = await once(socket, 'data')
  expect(String(answer)).toMatch(/^HTTP\/1.1 415 /)
  socket.destroy()
})

test('a handler that throws leaves no file of multer', async () => {
  here.app.post('/', asked().single('f'), () => {
    throw new Error('the handler failed')
  })
  here.app.use(errors)
  expect(await curl('-F', `f=@${media('clip.mp4')}`, here.server.url)).toMatchObject({ status: 400 })
})

test('a client that disconnects during its upload leaves no file of multer', async () => {
  here.app.post('/', asked().single('f'))
  here.app.use((() => {}) satisfies express.RequestHandler)
  const body = multipart([file('f', 'a.mp4', Buffer.concat([clip, Buffer.alloc(300_000)]))])
  const socket = await halfPost(here.server.port, '/', body, clip.length + 100_000)
  await expect.poll(() => here.premises.left().length).toBe(1)
  socket.destroy()
})

test('removing a file of another storage engine is not an error', () => {
  const { _removeFile } = tempStorage(here.premises.manager)
  const answers: unknown[] = []
  // The engine reads neither the request nor the rest of the file here.
  _removeFile({} as never, {}, (error) => answers.push(error))
  expect(answers).toEqual([null])
})
