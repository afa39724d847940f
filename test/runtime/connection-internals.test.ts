// Each undocumented member of Node's connections as it is on this version, and what happens where it is missing.

import { once } from 'node:events'
import { type IncomingMessage, request, type ServerResponse } from 'node:http'
import { connect } from 'node:net'
import { afterEach, describe, expect, test } from 'vitest'
import { discardNode } from '../../src/http/receive/discard-rest.ts'
import { destroyRequest, endBeforeBody, responseOf } from '../../src/runtime/connection-internals.ts'
import { type Served, serve } from '../http/premises.ts'

const MEGABYTE = 1024 * 1024
let server: Served | undefined
afterEach(async () => {
  await server?.close()
  server = undefined
})

/** Sends 4 MB to a server with this handler; returns what the client has read. */
async function put(handler: (req: IncomingMessage, res: ServerResponse) => void): Promise<string> {
  server = await serve(handler)
  const sending = request(server.url, { method: 'PUT', headers: { 'content-length': 4 * MEGABYTE } })
  sending.on('error', () => {}) // the server may have closed its side
  sending.end(Buffer.alloc(4 * MEGABYTE))
  const [response]: IncomingMessage[] = await once(sending, 'response')
  let text = String(response?.statusCode)
  for await (const chunk of response ?? []) text += ` ${chunk}`
  return text
}

/** Makes a request's socket look as if it had no such member; Node's own server still sees it. */
function hide(req: IncomingMessage, member: string): void {
  const socket = new Proxy(req.socket, {
    get(target, key) {
      const value: unknown = key === member ? undefined : Reflect.get(target, key)
      return typeof value === 'function' ? value.bind(target) : value
    },
  })
  Object.defineProperty(req, 'socket', { value: socket, writable: true })
}

const refuse = (res: ServerResponse): void => void res.writeHead(413).end('too large')

describe('_httpMessage', () => {
  test('_httpMessage leads from a request to its response', async () => {
    let found: unknown
    await put((req, res) => {
      found = responseOf(req) === res
      req.resume()
      res.end()
    })
    expect(found).toBe(true)
  })

  test('_httpMessage is null once the response has finished', async () => {
    let found: unknown
    await put((req, res) => {
      req.resume()
      req.on('end', () =>
        res.end(() =>
          setImmediate(() => {
            found = responseOf(req)
          }),
        ),
      )
    })
    await expect.poll(() => found).toBeNull()
  })

  test('a pipelined request finds no response in _httpMessage, and its refusal does not close the first', async () => {
    const requests: [IncomingMessage, ServerResponse][] = []
    server = await serve((req, res) => {
      requests.push([req, res])
      if (req.url === '/first') return
      expect(responseOf(req)).toBeUndefined()
      discardNode(req)
      refuse(res)
      requests[0]?.[1].end('the first answer')
    })
    const socket = connect(server.port, '127.0.0.1')
    socket.on('error', () => {}) // it is left before its end
    const long = 'x'.repeat(MEGABYTE)
    socket.write(`GET /first HTTP/1.1\r\nHost: x\r\n\r\n`)
    socket.write(`PUT /second HTTP/1.1\r\nHost: x\r\nContent-Length: ${long.length}\r\n\r\n${long}`)
    let text = ''
    for await (const chunk of socket.setEncoding('utf8')) {
      text += chunk
      if (text.includes('too large')) break
    }
    expect(text).toMatch(/^HTTP\/1.1 200 [\s\S]*the first answerHTTP\/1.1 413 /)
  })

  test('a refusal is still answered if _httpMessage is missing', async () => {
    const text = await put((req, res) => {
      hide(req, '_httpMessage')
      expect(responseOf(req)).toBeUndefined()
      discardNode(req)
      refuse(res)
    })
    expect(text).toBe('413 too large')
  })
})

describe('_dump', () => {
  test('_dump ends a request before its body has come, and its connection lives on', async () => {
    const text = await put((req, res) => {
      endBeforeBody(req)
      req.on('end', () => res.end(String(req.socket.bytesRead < 4 * MEGABYTE)))
    })
    expect(text).toBe('200 true')
  })

  test('the body is read to its end and the request answered if _dump is missing', async () => {
    const text = await put((req, res) => {
      Object.assign(req, { _dump: undefined })
      endBeforeBody(req)
      req.on('end', () => res.end(String(req.socket.bytesRead >= 4 * MEGABYTE)))
    })
    expect(text).toBe('200 true')
  })
})

test('a request that is destroyed leaves its connection for the answer', async () => {
  const text = await put((req, res) => {
    req.on('error', () => {})
    destroyRequest(req)
    expect([req.destroyed, req.socket.destroyed]).toEqual([true, false])
    refuse(res)
  }).catch((error: unknown) => String(error))
  // Nothing reads the rest of the body here, so a client that is still sending may find the connection closed.
  expect(text).toMatch(/^413|ECONNRESET|EPIPE|socket hang up/)
})
