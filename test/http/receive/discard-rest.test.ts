// The bounds within which the rest of a refused request is discarded: small ones here, the same code.

import { once } from 'node:events'
import type { IncomingMessage, ServerResponse } from 'node:http'
import {
  type ClientHttp2Session,
  connect as connectHttp2,
  constants,
  createServer as createHttp2Server,
  type Http2ServerResponse,
} from 'node:http2'
import { connect, type Socket } from 'node:net'
import { afterEach, describe, expect, test } from 'vitest'
import { type DiscardBounds, discardNode, discardWeb } from '../../../src/http/receive/discard-rest.ts'
import { type Served, serve } from '../premises.ts'

const MEGABYTE = 1024 * 1024
/** No bound is reached unless a test sets it. */
const WIDE: DiscardBounds = {
  bytes: 1e12,
  afterAnswerMs: 1e6,
  silenceMs: 1e6,
  answerMs: 1e6,
  keepBytes: 1024,
  keepMs: 1e6,
  resetMs: 1e6,
  tickMs: 10,
}

let server: Served | undefined
afterEach(async () => {
  await server?.close()
  server = undefined
})

/** A connection to a server that discards within these bounds; its request, and what the client has read so far. */
async function refused(bounds: Partial<DiscardBounds>, answer: (res: ServerResponse) => void): Promise<Peer> {
  let req: IncomingMessage | undefined
  server = await serve((request, res) => {
    req = request
    discardNode(request, { ...WIDE, ...bounds })
    answer(res)
  })
  const socket = connect({ port: server.port, host: '127.0.0.1', allowHalfOpen: true }) // it sends on after the answer
  socket.on('error', () => {}) // the reset that a bound ends in
  socket.write('POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n')
  const peer: Peer = { socket, text: '', request: () => req?.socket }
  socket.on('data', (data) => {
    peer.text += data
  })
  return peer
}

interface Peer {
  readonly socket: Socket
  text: string
  request(): Socket | undefined
}

/** On the server's side: a silent client that keeps its own side open sees only the end. */
const disconnected = ({ request, socket }: Peer): Promise<void> =>
  expect
    .poll(() => request()?.destroyed, { timeout: 10_000 })
    .toBe(true)
    .then(() => void socket.destroy())
const closed = (socket: Socket): Promise<void> =>
  new Promise((resolve) => socket.once('close', () => resolve()))
const refuse = (res: ServerResponse): void => void res.writeHead(413).end('too large')
const never = (): void => {}

/** Sends chunks of `bytes` for as long as the connection lasts; returns what the server has read. */
async function sendForEver({ socket, request }: Peer, bytes: number): Promise<number> {
  const chunk = Buffer.from(`${bytes.toString(16)}\r\n${'x'.repeat(bytes)}\r\n`)
  const timer = setInterval(() => socket.writableLength < 4 * MEGABYTE && socket.write(chunk), 1)
  await closed(socket)
  clearInterval(timer)
  return request()?.bytesRead ?? 0
}

describe('clients that never stop sending', () => {
  test('an answered client that has sent more bytes than the bound is disconnected', async () => {
    const peer = await refused({ bytes: 2 * MEGABYTE }, refuse)
    const read = await sendForEver(peer, 256 * 1024)
    expect(peer.text).toMatch(/^HTTP\/1.1 413 /)
    expect(read).toBeGreaterThan(2 * MEGABYTE)
  })

  test('an answered client that sends on past its time is disconnected, however few bytes it sends', async () => {
    const peer = await refused({ afterAnswerMs: 200 }, refuse)
    const read = await sendForEver(peer, 1)
    expect(peer.text).toMatch(/^HTTP\/1.1 413 /)
    expect(read).toBeLessThan(MEGABYTE)
  })
})

test('a client that was answered and then falls silent is disconnected', async () => {
  const peer = await refused({ silenceMs: 100 }, refuse)
  await disconnected(peer)
  expect(peer.text).toMatch(/^HTTP\/1.1 413 /)
})

test('a client whose request is never answered is disconnected', async () => {
  const peer = await refused({ answerMs: 100 }, never)
  await disconnected(peer)
  expect(peer.text).toBe('')
})

test('before the answer reading stops at the bound, and the answer still comes', async () => {
  let response: ServerResponse | undefined
  const peer = await refused({ bytes: MEGABYTE, silenceMs: 100 }, (res) => {
    response = res
  })
  const sent = sendForEver(peer, 256 * 1024)
  await expect.poll(() => peer.request()?.isPaused(), { timeout: 10_000 }).toBe(true)
  const read = peer.request()?.bytesRead
  // More than the kernel takes on behalf of a reader that has stopped.
  await expect.poll(() => peer.socket.writableLength, { timeout: 10_000 }).toBeGreaterThan(2 * MEGABYTE)
  expect(peer.request()?.bytesRead).toBe(read)
  if (response !== undefined) refuse(response)
  await sent
  expect(peer.text).toMatch(/^HTTP\/1.1 413 /)
})

test('the timer and the listeners of a request end with its connection', async () => {
  const peer = await refused({}, never)
  await expect.poll(() => peer.request(), { timeout: 10_000 }).toBeDefined()
  const socket = peer.request()
  const listening = socket?.listenerCount('close') ?? 0
  peer.socket.destroy()
  await expect.poll(() => socket?.destroyed, { timeout: 10_000 }).toBe(true)
  await expect.poll(() => socket?.listenerCount('close'), { timeout: 10_000 }).toBeLessThan(listening)
})

test('a refused request that waits behind another one leaves their connection as it is', async () => {
  let first: ServerResponse | undefined
  const listening: number[] = []
  server = await serve((request, res) => {
    const { socket } = request
    const count = (): void => void listening.push(socket.listenerCount('close'))
    if (request.url === '/first') {
      first = res
    } else if (request.method === 'GET') {
      res.end('last')
    } else {
      count()
      discardNode(request, WIDE)
      count()
      request.once('end', count)
      refuse(res)
    }
  })
  const socket = connect(server.port, '127.0.0.1')
  let text = ''
  socket.on('data', (data) => {
    text += data
  })
  const post = 'POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\n'
  socket.write(`GET /first HTTP/1.1\r\nHost: x\r\n\r\n${post}`)
  await expect.poll(() => listening, { timeout: 10_000 }).toHaveLength(2)
  socket.write('12345GET / HTTP/1.1\r\nHost: x\r\n\r\n')
  await expect.poll(() => listening, { timeout: 10_000 }).toHaveLength(3)
  const [before, during, after] = listening
  expect(during).toBe((before ?? 0) + 1)
  expect(after).toBe(before) // nothing of it is left that could end the connection
  first?.end('first')
  await expect.poll(() => text, { timeout: 10_000 }).toMatch(/first.*413.*too large.*last/s)
  expect(text).not.toMatch(/^connection: close/im)
  socket.destroy()
})

test('requests that follow the last answer of a connection are not given to the program', async () => {
  const handled: (string | undefined)[] = []
  let refusal: ServerResponse | undefined
  server = await serve((request, res) => {
    handled.push(request.url)
    if (request.url === '/refused') {
      discardNode(request, WIDE)
      refusal = res
    } else res.end()
  })
  const get = (path: string): string => `GET ${path} HTTP/1.1\r\nHost: x\r\n\r\n`
  const socket = connect({ port: server.port, host: '127.0.0.1', allowHalfOpen: true })
  socket.write('POST /refused HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n')
  await expect.poll(() => refusal?.req, { timeout: 10_000 }).toBeDefined()
  const connection = refusal?.req.socket
  socket.write(`0\r\n\r\n${get('/before')}`)
  await expect.poll(() => handled, { timeout: 10_000 }).toEqual(['/refused', '/before'])
  if (refusal !== undefined) refuse(refusal)
  socket.resume()
  await once(socket, 'end')
  const post = 'POST /after HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\nbody'
  socket.end(get('/after') + post + get('/after'))
  await expect.poll(() => connection?.destroyed, { timeout: 10_000 }).toBe(true)
  expect(handled).toEqual(['/refused', '/before'])
})

test.each<[string, Partial<DiscardBounds>, (response: Http2ServerResponse) => void]>([
  ['that is never answered', { answerMs: 50 }, never],
  ['whose client sends on after the answer', { resetMs: 50 }, (response) => response.end()],
])('a stream of HTTP/2 %s is reset without an error', async (_, bounds, answer) => {
  const http2 = createHttp2Server()
  const reset = new Promise((resolve) => {
    http2.on('request', ({ stream }, response) => {
      stream.once('close', () => resolve(stream.rstCode))
      discardNode(response.req, { ...WIDE, ...bounds })
      answer(response)
    })
  })
  http2.listen(0, '127.0.0.1')
  await once(http2, 'listening')
  const address = http2.address()
  const port = typeof address === 'object' && address !== null ? address.port : 0
  const client: ClientHttp2Session = connectHttp2(`http://127.0.0.1:${port}`)
  const stream = client.request({ ':method': 'POST' })
  stream.on('error', () => {})
  expect(await reset).toBe(constants.NGHTTP2_NO_ERROR)
  client.destroy()
  await new Promise((resolve) => http2.close(resolve))
})

describe('bodies of Fetch requests', () => {
  const cancelled = (
    bounds: Partial<DiscardBounds>,
    pull: (controller: ReadableStreamDefaultController<Uint8Array>) => Promise<void> | void,
  ): Promise<void> =>
    new Promise((resolve) => {
      const body = new ReadableStream<Uint8Array>({ pull, cancel: () => resolve() })
      discardWeb(body.getReader(), { ...WIDE, ...bounds })
    })

  const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

  test('the body of a Fetch request is cancelled after more bytes than the bound', async () => {
    let sent = 0
    await cancelled({ bytes: MEGABYTE }, (controller) => {
      sent += 64 * 1024
      controller.enqueue(new Uint8Array(64 * 1024))
    })
    expect(sent).toBeGreaterThan(MEGABYTE)
    expect(sent).toBeLessThan(2 * MEGABYTE)
  })

  test('the body of a Fetch request is cancelled when the time is over, however few bytes come', async () => {
    await cancelled({ afterAnswerMs: 100 }, async (controller) => {
      await turn()
      controller.enqueue(new Uint8Array(1))
    })
  })

  test('the body of a Fetch request is cancelled after a silence', async () => {
    await cancelled({ silenceMs: 50 }, () => new Promise(() => {}))
  })
})
