import { once } from 'node:events'
import http from 'node:http'
import http2 from 'node:http2'
import net, { type AddressInfo } from 'node:net'
import { describe, expect, test } from 'vitest'
import { isTempFileError } from '../../src/errors.ts'
import type { ReceiveOptions } from '../../src/types.ts'
import { listeners, receive } from './receiving.ts'

const MEGABYTE = Buffer.alloc(1024 * 1024, 'x')

describe('bodies of requests', () => {
  async function serve(
    options: ReceiveOptions,
    client: (port: number) => unknown,
  ): Promise<{ request: http.IncomingMessage; error: unknown; server: http.Server }> {
    const server = http.createServer()
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    const { port } = server.address() as AddressInfo // it listens on a port
    client(port)
    const [request, response] = (await once(server, 'request')) as [http.IncomingMessage, http.ServerResponse] // its documented arguments
    let error: unknown
    try {
      await receive(request, options)
    } catch (caught) {
      error = caught
    }
    response.setHeader('connection', 'close')
    response.statusCode = isTempFileError(error) ? error.status : 200
    response.end('answered')
    return { request, error, server }
  }

  test('the body of a client that goes away half way is an abort', async () => {
    const { request, error, server } = await serve({}, (port) => {
      const socket = net.connect(port, '127.0.0.1', () => {
        socket.write('POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 1000000\r\n\r\nsome', () =>
          socket.destroy(),
        )
      })
    })
    expect(error).toMatchObject({ code: 'ERR_TEMP_ABORTED' })
    expect(request.destroyed).toBe(true)
    await new Promise((resolve) => server.close(resolve))
    expect(listeners(request)).toMatchObject({ data: 0, end: 0, error: 0, close: 0 })
  })

  test('the body of a request that is too large is given up, and its client still gets the answer', async () => {
    let answer: Promise<string> | undefined
    const { request, error, server } = await serve({ maxBytes: 100_000 }, (port) => {
      answer = new Promise((resolve, reject) => {
        const socket = net.connect(port, '127.0.0.1', () => {
          socket.write('POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 10000000\r\n\r\n')
          socket.write(MEGABYTE.subarray(0, 200_000))
        })
        socket.on('error', reject)
        let text = ''
        socket.on('data', (chunk) => {
          text += String(chunk)
          if (text.includes('answered')) resolve(text)
        })
        socket.on('close', () => resolve(text))
      })
    })
    expect(error).toMatchObject({ code: 'ERR_TEMP_TOO_LARGE' })
    expect(request.destroyed).toBe(true)
    expect(request.socket.remoteAddress).toBe('127.0.0.1')
    expect(await answer).toMatch(/^HTTP\/1.1 413 /)
    server.closeAllConnections()
    await new Promise((resolve) => server.close(resolve))
  })

  test('a refused body with keepSource is only paused, for its caller to drain', async () => {
    let sent: Promise<unknown> | undefined
    const { request, error, server } = await serve({ maxBytes: 10, keepSource: true }, (port) => {
      sent = fetch(`http://127.0.0.1:${port}`, { method: 'POST', body: MEGABYTE }).then(
        (answer) => answer.status,
      )
    })
    expect(error).toMatchObject({ code: 'ERR_TEMP_TOO_LARGE' })
    expect(request.destroyed).toBe(false)
    expect(request.isPaused()).toBe(true)
    expect(listeners(request)).toMatchObject({ data: 0, error: 0 })
    request.resume()
    expect(await sent).toBe(413)
    server.closeAllConnections()
    await new Promise((resolve) => server.close(resolve))
  })
})

describe('bodies over HTTP/2', () => {
  /** A frame of one stream (RFC 9113 section 4.1). */
  function frame(type: number, flags: number, stream: number, payload = Buffer.alloc(0)): Buffer {
    const head = Buffer.alloc(9)
    head.writeUIntBE(payload.length, 0, 3)
    head[3] = type
    head[4] = flags
    head.writeUInt32BE(stream, 5)
    return Buffer.concat([head, payload])
  }

  const [DATA, HEADERS, RST_STREAM, SETTINGS] = [0, 1, 3, 4]
  const ACK = 1
  const END_HEADERS = 4
  /** Of the static table (RFC 7541 appendix A): POST, http and /; then `:authority: x`, as it is. */
  const POST = Buffer.from([0x83, 0x86, 0x84, 0x41, 1, 0x78])

  test.each([
    ['NO_ERROR', 0],
    ['CANCEL', 8],
  ])('an HTTP/2 body that its client resets half way with %s is an abort', async (_, code) => {
    const server = http2.createServer()
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    const socket = net.connect((server.address() as AddressInfo).port, '127.0.0.1') // it listens on a port
    socket.resume()
    socket.write('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n')
    socket.write(Buffer.concat([frame(SETTINGS, 0, 0), frame(SETTINGS, ACK, 0)]))
    socket.write(Buffer.concat([frame(HEADERS, END_HEADERS, 1, POST), frame(DATA, 0, 1, Buffer.alloc(1000))]))
    const [stream] = (await once(server, 'stream')) as [http2.ServerHttp2Stream]
    stream.on('error', () => {})
    const received = receive(stream, {})
    const reset = Buffer.alloc(4)
    reset.writeUInt32BE(code)
    socket.write(frame(RST_STREAM, 0, 1, reset))
    await expect(received).rejects.toMatchObject({ code: 'ERR_TEMP_ABORTED' })
    socket.destroy()
    await new Promise((resolve) => server.close(resolve))
  })
})
