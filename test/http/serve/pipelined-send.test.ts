// sendFile for a request that the client sent behind another one (pipelining): its response waits for the first one, and has
// no connection of its own until then.

import { once } from 'node:events'
import { existsSync } from 'node:fs'
import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http'
import { connect, type Socket } from 'node:net'
import { beforeEach, describe, expect, test } from 'vitest'
import { requestScope } from '../../../src/http/serve/request-scope.ts'
import { content, sending } from './sending.ts'

const here = sending()
const head = (path: string): string => `GET ${path} HTTP/1.1\r\nHost: x\r\n\r\n`

let first: ServerResponse
let answered: Promise<[IncomingMessage, ServerResponse]>

beforeEach(() => {
  here.options = { remove: 'after-full-body' }
  const [send] = here.server.server.listeners('request') as [RequestListener] // the one of `sending`
  here.server.server.removeAllListeners('request')
  answered = new Promise((resolve) => {
    here.server.server.on('request', (req, res) => {
      if (req.url === '/first') {
        first = res
      } else if (req.url !== '/behind') {
        send(req, res)
        resolve([req, res])
      }
    })
  })
})

async function pipelined(): Promise<Socket> {
  const socket = connect(here.server.port, '127.0.0.1')
  socket.on('error', () => {})
  socket.write(head('/first') + head('/second'))
  const [, response] = await answered
  await expect.poll(() => response.writableEnded, { timeout: 10_000 }).toBe(true) // it waits with its whole body
  return socket
}

describe('full pipelined bodies', () => {
  test("'after-full-body' removes a pipelined file that the client has read", async () => {
    const socket = await pipelined()
    first.end('first')
    let read = 0
    socket.on('data', (data) => {
      read += data.length
    })
    await once(socket, 'end')
    expect(read).toBeGreaterThan(content.length)
    expect(await here.outcome).toMatchObject({ fullySent: true, removed: true })
  })

  test("'after-full-body' keeps a pipelined file that the client leaves unread", async () => {
    const socket = await pipelined()
    const [, response] = await answered
    const written = once(response, 'finish')
    first.end('first')
    await Promise.all([written, once(socket, 'readable')])
    socket.destroy()
    expect(await here.outcome).toMatchObject({ fullySent: true, removed: false })
    expect(existsSync(here.sent.path)).toBe(true)
  })

  test("'after-full-body' keeps a pipelined file behind an answer that ends the connection", async () => {
    const socket = await pipelined()
    first.setHeader('Connection', 'close').end('first')
    socket.resume()
    expect(await here.outcome).toMatchObject({ fullySent: false, removed: false })
    expect(existsSync(here.sent.path)).toBe(true)
  })
})

test('requests that follow a file to be removed are not given to the program', async () => {
  const socket = await pipelined()
  const [, response] = await answered
  socket.write(head('/behind'))
  await once(here.server.server, 'request')
  const written = once(response, 'finish')
  first.end('first')
  await Promise.all([written, once(socket, 'readable')])
  let more = 0
  here.server.server.on('request', () => {
    more += 1
  })
  socket.resume()
  socket.end(head('/after'))
  expect(await here.outcome).toMatchObject({ fullySent: true, removed: true })
  expect(more).toBe(0)
})

test.each(['never', 'after-full-body'] as const)(
  'twenty files that wait on one connection (remove: %s) cause no warning of too many listeners',
  async (remove) => {
    here.options = { remove }
    const waiting: ServerResponse[] = []
    here.server.server.on('request', (_, response) => waiting.push(response))
    const socket = connect(here.server.port, '127.0.0.1')
    socket.write(head('/first') + head('/second').repeat(20))
    await expect
      .poll(() => waiting.filter((response) => response.writableLength > 0).length, { timeout: 10_000 })
      .toBe(20)
    expect(here.premises.warnings).toEqual([]) // no MaxListenersExceededWarning
    socket.destroy()
  },
)

test('the end of the connection ends a response that still waits, and the scope of its request', async () => {
  const socket = await pipelined()
  const [request, response] = await answered
  const { signal } = requestScope(here.premises.manager, request, response)
  socket.destroy()
  expect(await here.outcome).toMatchObject({ fullySent: false, removed: false })
  await expect.poll(() => signal.aborted).toBe(true)
})
