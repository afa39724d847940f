import { once } from 'node:events'
import http, { type IncomingMessage, type ServerResponse } from 'node:http'
import http2 from 'node:http2'
import net, { type AddressInfo } from 'node:net'
import { Duplex } from 'node:stream'
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

describe('receipts over HTTP/1.1', () => {
  test('a receipt over HTTP/1.1 is confirmed by a client that read everything', async () => {
    const { confirmed, port } = await confirming()
    const response = await fetch(`http://127.0.0.1:${port}`)
    expect((await response.arrayBuffer()).byteLength).toBe(CONTENT.length)
    expect(await confirmed).toBe(true)
  })

  test('a receipt over HTTP/1.1 is confirmed by a client that ends just before the server would', async () => {
    const confirmations = Array.from({ length: 24 }, async (_, turn) => {
      const { confirmed, port } = await confirming()
      const socket = net.connect(port, '127.0.0.1').resume()
      socket.write('GET / HTTP/1.1\r\nHost: x\r\n\r\n')
      setTimeout(() => socket.end(), 700 + 15 * turn) // the server ends after 1000 ms
      return await confirmed
    })
    expect(await Promise.all(confirmations)).toEqual(Array.from({ length: 24 }, () => true))
  })

  test('a receipt is not confirmed by a client that closes with bytes unread, which the kernel took', async () => {
    const { confirmed, port } = await confirming()
    const socket = net.connect(port, '127.0.0.1')
    socket.on('error', () => {})
    socket.write('GET / HTTP/1.1\r\nHost: x\r\n\r\n')
    await once(socket, 'readable') // the first bytes are there, and stay unread
    socket.destroy()
    expect(await confirmed).toBe(false)
  })

  test('a cancelled receipt leaves the connection as it was', async () => {
    const counts: number[] = []
    const count = (res: ServerResponse): void => {
      const socket = res.socket as net.Socket // a response of a server has one until it is over
      counts.push(['end', 'error', 'close'].reduce((sum, event) => sum + socket.listenerCount(event), 0))
    }
    /** Methods of a socket that the receipt has replaced. */
    const own = ({ socket }: ServerResponse): string[] =>
      ['destroySoon', 'end'].filter((name) => socket !== null && Object.hasOwn(socket, name))
    const server = http.createServer((_req, res) => {
      count(res)
      const receipt = requestReceipt(res) as Receipt // there is a connection
      count(res)
      expect(own(res)).toEqual(['destroySoon'])
      receipt.cancel()
      receipt.cancel()
      count(res)
      expect(own(res)).toEqual([])
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

describe('receipts without a socket', () => {
  /** As {@link confirming}, over two ends of a stream in this process. */
  async function exchange(attend: (client: Duplex, server: Duplex) => void): Promise<boolean> {
    const [client, connection] = duplexPair()
    const confirmed = new Promise<boolean>((resolve) => {
      const server = http.createServer(async (_req, res) => {
        const receipt = requestReceipt(res)
        res.setHeader('Content-Length', CONTENT.length)
        res.end(CONTENT)
        await once(res, 'finish')
        resolve((await receipt?.confirmed()) === true)
      })
      server.emit('connection', connection)
    })
    client.write('GET / HTTP/1.1\r\nHost: x\r\n\r\n')
    attend(client, connection)
    return await confirmed
  }

  test('a receipt over a connection that is not a socket is confirmed by the end of the connection', async () => {
    expect(
      await exchange((client) => {
        let read = 0
        client.on('data', (data: Buffer) => {
          read += data.length
          if (read > CONTENT.length) client.end()
        })
      }),
    ).toBe(true)
  })

  test('a receipt over a connection that is not a socket is not confirmed by the loss of the connection', async () => {
    expect(
      await exchange((client, server) => {
        client.once('data', () => server.destroy())
        client.resume()
      }),
    ).toBe(false)
  })
})

/** As node:stream's of Node 22.6: what one writes the other reads. */
function duplexPair(): [Duplex, Duplex] {
  const ends: Duplex[] = [0, 1].map(
    (index) =>
      new Duplex({
        read() {},
        write(chunk: Buffer, _encoding, callback) {
          ends[1 - index]?.push(chunk)
          callback()
        },
        final(callback) {
          ends[1 - index]?.push(null)
          callback()
        },
      }),
  )
  return ends as [Duplex, Duplex]
}

describe('receipts over HTTP/2', () => {
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

  test('a receipt over HTTP/2 is confirmed by a client that read everything', async () => {
    expect(await exchange((stream) => void stream.resume())).toBe(true)
  })

  test('a receipt over HTTP/2 is not confirmed by a client whose connection breaks', async () => {
    expect(
      await exchange((stream, session) => {
        stream.once('data', () => session.destroy())
      }),
    ).toBe(false)
  })
})

test('a response without a connection to watch has no receipt', () => {
  const request = { method: 'GET', headers: {} } as IncomingMessage // injected, as by a test of a framework
  expect(requestReceipt(new http.ServerResponse(request))).toBeUndefined()
})
