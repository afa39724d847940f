import { once } from 'node:events'
import {
  type ClientHttp2Session,
  connect,
  createServer,
  type Http2Server,
  type Http2Session,
} from 'node:http2'
import { connect as connectSocket, type Socket } from 'node:net'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { pingsOf } from '../../src/runtime/pings.ts'

let server: Http2Server
let port: number
let sessions: Promise<[Http2Session]>

beforeEach(async () => {
  server = createServer()
  sessions = once(server, 'session') as Promise<[Http2Session]> // what the event carries
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  port = typeof address === 'object' ? (address?.port ?? 0) : 0
})

let client: ClientHttp2Session | Socket

afterEach(async () => {
  client.destroy()
  await new Promise((resolve) => server.close(resolve))
})

test('a hundred questions at once are answered, although Node allows ten PINGs at a time', async () => {
  client = connect(`http://127.0.0.1:${port}`)
  const [session] = await sessions
  const asked = Array.from({ length: 100 }, () => pingsOf({ session })?.ask(60_000))
  expect(new Set(await Promise.all(asked))).toEqual(new Set(['acknowledged']))
})

test('a question is answered beside all the PINGs of a program', async () => {
  client = connect(`http://127.0.0.1:${port}`)
  const [session] = await sessions
  for (let ping = 0; ping < 10; ping++) session.ping(() => {})
  expect(await pingsOf({ session })?.ask(60_000)).toBe('acknowledged')
})

test('a peer that answers no PING ends the patience', async () => {
  client = connectSocket(port, '127.0.0.1')
  client.write('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0')
  const [session] = await sessions
  expect(await pingsOf({ session })?.ask(50)).toBe('no answer')
})

test('a question is answered when the connection closes, and after it', async () => {
  client = connectSocket(port, '127.0.0.1')
  client.write('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0')
  const [session] = await sessions
  const pings = pingsOf({ session })
  const asked = pings?.ask(60_000)
  client.destroy()
  expect([await asked, await pings?.ask(60_000)]).toEqual(['closed', 'closed'])
})

test('a question is answered at once while the client closes its session in order', async () => {
  const closing = connect(`http://127.0.0.1:${port}`)
  client = closing
  const [session] = await sessions
  server.on('stream', () => {}) // it stays open, and with it the session
  await once(closing, 'connect')
  closing.request().on('error', () => {})
  await once(server, 'stream')
  closing.close()
  await once(session, 'goaway')
  expect(await pingsOf({ session })?.ask(120_000)).toBe('no answer')
})

test('a destroyed stream has no PINGs', () => {
  client = connectSocket(port, '127.0.0.1')
  expect(pingsOf({})).toBeUndefined()
})
