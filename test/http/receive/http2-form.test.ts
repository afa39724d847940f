// Uploads over node:http2's compatibility API.

import { once } from 'node:events'
import { truncateSync, writeFileSync } from 'node:fs'
import {
  type ClientHttp2Session,
  type ClientHttp2Stream,
  connect,
  constants,
  createServer,
  type Http2Server,
} from 'node:http2'
import { connect as connectSocket } from 'node:net'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { type FormOptions, receiveBody, receiveForm } from '../../../src/http/index.ts'
import { isTempFileError } from '../../../src/index.ts'
import { tempBase } from '../../fixtures/temp-base.ts'
import { curl, FORM_TYPE, field, file, multipart } from '../clients.ts'
import { Premises } from '../premises.ts'

let premises: Premises
let server: Http2Server
let url: string
let client: ClientHttp2Session
let options: FormOptions
let outcome: Promise<string>

beforeEach(async () => {
  premises = new Premises()
  options = {}
  server = createServer()
  outcome = new Promise((resolve) => {
    server.on('request', async (req, res) => {
      try {
        if (req.method === 'POST') {
          await using form = await receiveForm(req, premises.manager, options)
          res.end(`${form.fields['title']}, ${form.file('f')?.bytes} bytes`)
        } else {
          await using stored = await receiveBody(req, premises.manager, { maxBytes: '10mb' })
          res.end(String(stored.bytes))
        }
        resolve('received')
      } catch (error) {
        const known = isTempFileError(error)
        resolve(known ? error.code : String(error))
        res.writeHead(known ? error.status : 500).end(known ? error.code : String(error))
      }
    })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('a port was asked for')
  url = `http://127.0.0.1:${address.port}`
  client = connect(url)
})

afterEach(() =>
  premises.leave({
    async close() {
      client.destroy()
      await new Promise((resolve) => server.close(resolve))
    },
  }),
)

async function answerOf(stream: ClientHttp2Stream): Promise<string> {
  let text = ''
  stream.setEncoding('utf8').on('data', (chunk) => {
    text += chunk
  })
  const [headers] = await once(stream, 'response')
  await new Promise((resolve) => stream.once('end', resolve)) // a stream that was refused is closed later
  return `${headers[':status']} ${text}`
}

const post = (): ClientHttp2Stream => client.request({ ':method': 'POST', 'content-type': FORM_TYPE })
const body = multipart([field('title', 'a'), file('f', 'a.bin', Buffer.alloc(300_000))])

test('a form is received over HTTP/2', async () => {
  const stream = post()
  stream.end(body)
  expect(await answerOf(stream)).toBe('200 a, 300000 bytes')
})

test('a raw body is received over HTTP/2', async () => {
  const stream = client.request({ ':method': 'PUT' })
  stream.end('hello')
  expect(await answerOf(stream)).toBe('200 5')
})

/** One frame of HTTP/2 (RFC 9113 section 4.1). */
function frame(type: number, flags: number, id: number, payload: Uint8Array): Buffer {
  const head = Buffer.alloc(9)
  head.writeUIntBE(payload.length, 0, 3)
  head.writeUInt8(type, 3)
  head.writeUInt8(flags, 4)
  head.writeUInt32BE(id, 5)
  return Buffer.concat([head, payload])
}

test.each([
  ['later than the end of the request', 1],
  ['behind the answer to a PING', 2],
])('a raw body of unknown length is aborted by a reset that is read %s', async (_, ping) => {
  const socket = connectSocket(Number(new URL(url).port), '127.0.0.1')
  const put = Buffer.from('\x42\x03PUT\x84\x86\x41\x01x', 'latin1') // :method PUT, :path /, :scheme http, :authority x
  socket.write('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n')
  socket.write(frame(4, 0, 0, Buffer.alloc(0)))
  socket.write(frame(1, 4, 1, put))
  socket.write(frame(0, 1, 1, Buffer.alloc(1000))) // END_STREAM
  let read = Buffer.alloc(0)
  let pings = 0
  socket.on('data', (chunk) => {
    read = Buffer.concat([read, chunk])
    while (read.length >= 9 && read.length >= 9 + read.readUIntBE(0, 3)) {
      const end = 9 + read.readUIntBE(0, 3)
      const payload = read.subarray(9, end)
      if (read[3] === 6) {
        pings += 1
        if (pings === ping) socket.write(frame(3, 0, 1, Buffer.from([0, 0, 0, constants.NGHTTP2_CANCEL])))
        socket.write(frame(6, 1, 0, payload))
      }
      read = read.subarray(end)
    }
  })
  const result = await outcome
  socket.destroy()
  expect(result).toBe('ERR_TEMP_ABORTED')
})

describe.each([
  ['a form', post, body.subarray(0, 100_000)],
  ['a raw body of unknown length', () => client.request({ ':method': 'PUT' }), Buffer.alloc(100_000)],
] as const)('%s that its client cancels', (upload, start, sent) => {
  test.each(['NGHTTP2_CANCEL', 'NGHTTP2_INTERNAL_ERROR'] as const)(
    `${upload} that its client cancels with %s is aborted, not truncated and not received`,
    async (code) => {
      const stream = start()
      stream.on('error', () => {})
      stream.write(sent)
      await once(server, 'stream')
      stream.close(constants[code])
      expect(await outcome).toBe('ERR_TEMP_ABORTED')
    },
  )

  test(`${upload} that a client of node:http2 cancels after all that it had sent was read is aborted`, async () => {
    const stream = start()
    stream.on('error', () => {})
    stream.write(sent.subarray(0, 1000))
    await once(server, 'stream')
    await new Promise((resolve) => client.ping(resolve))
    stream.close(constants.NGHTTP2_CANCEL) // ends the stream (END_STREAM), then resets it
    expect(await outcome).toBe('ERR_TEMP_ABORTED')
  })

  test(`${upload} whose client destroys its connection is aborted, not truncated and not received`, async () => {
    const stream = start()
    stream.on('error', () => {})
    stream.write(sent)
    await once(server, 'stream')
    client.destroy()
    expect(await outcome).toBe('ERR_TEMP_ABORTED')
  })
})

test('a refused upload is answered while its client is still sending, and the connection serves on', async () => {
  options = { maxFileBytes: 1000 }
  const stream = post()
  stream.on('error', () => {})
  stream.write(body.subarray(0, 50_000))
  expect(await answerOf(stream)).toBe('413 ERR_TEMP_TOO_LARGE')
  options = {}
  const next = post()
  next.end(body)
  expect(await answerOf(next)).toBe('200 a, 300000 bytes')
})

test.each([
  ['a raw body', (path: string) => ['-T', path]],
  ['a form', (path: string) => ['-F', `f=@${path}`]],
])('curl reads the refusal of %s of 40 MB', async (_, upload) => {
  options = { maxFileBytes: '10mb' }
  const path = join(tempBase(), 'body')
  writeFileSync(path, '')
  truncateSync(path, 40 * 1024 * 1024)
  const { status, out } = await curl('--http2-prior-knowledge', ...upload(path), url)
  // Not its exit code: curl ends the stream in the middle of the announced length, which nghttp2 calls a PROTOCOL_ERROR.
  expect({ status, out }).toEqual({ status: 413, out: 'ERR_TEMP_TOO_LARGE' })
})
