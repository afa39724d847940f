import { once } from 'node:events'
import http, { type IncomingMessage, type ServerResponse } from 'node:http'
import http2 from 'node:http2'
import net, { type AddressInfo } from 'node:net'
import { describe, expect, onTestFinished, test } from 'vitest'
import { type Receipt, requestReceipt } from '../../../src/http/serve/receipt.ts'

/** Fits into the buffers of a socket, so that the kernel takes it all whether or not the client reads it. */
const CONTENT = Buffer.alloc(64 * 1024)

/** A server that sends {@link CONTENT} and reports whether its receipt was confirmed. */
async function confirming() {
  let report: (confirmed: boolean) => void
  const confirmed = new Promise<boolean>((resolve) => {
    report = resolve
  })
  const server = http.createServer(async (_req, res) => {
    const receipt = requestReceipt(res)
    res.setHeader('Content-Length', CONTENT.length)
    res.end(CONTENT)
    await once(res, 'finish')
    report((await receipt?.confirmed()) === true)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  onTestFinished(() => void server.close())
  return { confirmed, port: (server.address() as AddressInfo).port }
}

describe('the receipt of a response over HTTP/1.1', () => {
  test('is confirmed by a client that read everything', async () => {
    const { confirmed, port } = await confirming()
    const response = await fetch(`http://127.0.0.1:${port}`)
    expect((await response.arrayBuffer()).byteLength).toBe(CONTENT.length)
    expect(await confirmed).toBe(true)
  })

  test('is not confirmed by a client that closes with bytes unread, although the kernel took them all', async () => {
    const { confirmed, port } = await confirming()
    const socket = net.connect(port, '127.0.0.1')
    socket.on('error', () => {})
    socket.write('GET / HTTP/1.1\r\nHost: x\r\n\r\n')
    await once(socket, 'readable') // the first bytes are there, and stay unread
    socket.destroy()
    expect(await confirmed).toBe(false)
  })

  test('leaves no listener on the connection when it is cancelled', async () => {
    const counts: number[] = []
    const count = (res: ServerResponse): void => {
      const socket = res.socket as net.Socket // a response of a server has one until it is over
      counts.push(['end', 'error', 'close'].reduce((sum, event) => sum + socket.listenerCount(event), 0))
    }
    const server = http.createServer((_req, res) => {
      count(res)
      const receipt = requestReceipt(res) as Receipt // there is a connection
      count(res)
      receipt.cancel()
      receipt.cancel()
      count(res)
      res.end()
    })
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    onTestFinished(() => void server.close())
    await (await fetch(`http://127.0.0.1:${(server.address() as AddressInfo).port}`)).text()
    expect(counts[1]).toBe((counts[0] ?? 0) + 3)
    expect(counts[2]).toBe(counts[0])
  })
})

describe('the receipt of a response over HTTP/2', () => {
  /** As {@link confirming}, with a client of one session. */
  async function exchange(
    attend: (stream: http2.ClientHttp2Stream, session: http2.ClientHttp2Session) => void,
  ) {
    let report: (confirmed: boolean) => void
    const confirmed = new Promise<boolean>((resolve) => {
      report = resolve
    })
    const server = http2.createServer(async (_req, res) => {
      const receipt = requestReceipt(res)
      res.setHeader('Content-Length', CONTENT.length)
      res.write(CONTENT.subarray(1))
      await receipt?.beforeLastByte?.()
      if (!res.stream.destroyed) res.end(CONTENT.subarray(0, 1))
      if (!res.stream.closed) await once(res.stream, 'close').catch(() => {})
      report((await receipt?.confirmed()) === true)
    })
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    onTestFinished(() => void server.close())
    const session = http2.connect(`http://127.0.0.1:${(server.address() as AddressInfo).port}`)
    session.on('error', () => {})
    onTestFinished(() => session.destroy())
    const stream = session.request({ ':path': '/' })
    stream.on('error', () => {})
    attend(stream, session)
    return await confirmed
  }

  test('is confirmed by a client that read everything', async () => {
    expect(await exchange((stream) => void stream.resume())).toBe(true)
  })

  test('is not confirmed by a client whose connection breaks', async () => {
    expect(
      await exchange((stream, session) => {
        stream.once('data', () => session.destroy())
      }),
    ).toBe(false)
  })
})

test('without a connection to watch there is no receipt', () => {
  const request = { method: 'GET', headers: {} } as IncomingMessage // injected, as by a test of a framework
  expect(requestReceipt(new http.ServerResponse(request))).toBeUndefined()
})
